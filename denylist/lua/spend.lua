-- Spends a token: the table of Spender.Spend, line by line, and the Denies of
-- the exchange in the same step.
--
-- KEYS[4] the session's chain  KEYS[5] and on  the entries that may deny the
-- token, then those of the Denies
-- ARGV[7] 1: only say what would be answered  ARGV[8] 1: the token is denied elsewhere
-- ARGV[9] rotation  ARGV[10] jti  ARGV[11] exp  ARGV[12] login  ARGV[13] the chain's least expiry
-- ARGV[14] successor's jti  ARGV[15] its iat  ARGV[16] its exp  ARGV[17] digest of the key  ARGV[18] note
-- ARGV[19] window  ARGV[20] overlap (milliseconds)  ARGV[21] how many entries may deny the token
-- ARGV[22] and on  ten for each of the Denies: see stamp
--
-- won       at, successor's jti, iat, exp, note: this attempt won, now or before
-- replayed  the same, of an earlier attempt
-- expired   token or successor: which one has expired
-- reused    token (another one was spent), key or window: why it is a replay
-- revoked   number of the entry that denies it (0: elsewhere), its value
local refusal = unfit()
if refusal then return refusal end
local CHAIN, dry = KEYS[4], ARGV[7] == '1'
local rotation, jti, exp, login = tonumber(ARGV[9]), ARGV[10], tonumber(ARGV[11]), tonumber(ARGV[12])
local id, key, window = ARGV[14], ARGV[17], tonumber(ARGV[19])
local asked = tonumber(ARGV[21])

-- chain returns the session's chain, nil if it has exchanged nothing, false if
-- the value is not a chain.
local function chain()
  local value = redis.call('GET', CHAIN)
  if not value then return nil end
  local f = words(value)
  if #f ~= 9 or f[1] ~= '1' or #f[2] > 16 or not string.find(f[2], '^%d+$') then return false end
  for _, instant in ipairs({f[3], f[6], f[7]}) do
    if not whole(instant) then return false end
  end
  return {rotation = tonumber(f[2]), at = tonumber(f[3]), spent = f[4], id = f[5], iat = f[6], exp = f[7],
    key = f[8], note = f[9]}
end

-- denial returns the number and value of the first entry with a revoked half
-- that denies the token, or false and the key of a foreign value.
local function denial()
  for i = 1, asked do
    local e, value = read(KEYS[4 + i])
    if e == false then return false, KEYS[4 + i] end
    if e and e.revoked and (not e.cutoff or login <= e.cutoff) then return i, value end
  end
  if ARGV[8] == '1' then return 0, '' end
end

local c = chain()
if c == false then return answer('foreign', CHAIN) end
local denied, value = denial()
if denied == false then return answer('foreign', value) end

local again = c and rotation == c.rotation
local verdict = 'record'
if again and jti == c.spent and id == c.id and not denied then
  verdict = 'won'
elseif exp <= NOW then
  return answer('expired', 'token')
elseif c and (rotation < c.rotation or (again and jti ~= c.spent)
    or (rotation == c.rotation + 1 and jti ~= c.id)) then
  return answer('reused', 'token')
elseif again and c.key ~= NONE and key ~= c.key then
  return answer('reused', 'key')
elseif again and c.key == NONE and (window <= 0 or c.at + window <= NOW) then
  return answer('reused', 'window')
elseif denied then
  return answer('revoked', text(denied), value)
elseif again and tonumber(c.exp) <= NOW then
  return answer('expired', 'successor')
elseif again then
  verdict = 'replayed'
end
if dry then return answer('won') end

-- A retry and a replay write the Denies again: merged, they change nothing.
local adds
adds, refusal = stamps(5 + asked, 22, NOW, tonumber(ARGV[20]))
if refusal then return refusal end
if verdict == 'record' then
  begin()
  local lives = math.max(redis.call('PEXPIRETIME', CHAIN), tonumber(ARGV[13]))
  c = {at = NOW, id = id, iat = ARGV[15], exp = ARGV[16], note = ARGV[18]}
  redis.call('SET', CHAIN, table.concat({'1', text(rotation), text(NOW), jti, id, c.iat, c.exp, key, c.note}, ' '),
    'PXAT', text(lives))
  redis.call('HINCRBY', META, 'spends', 1)
  verdict = 'won'
end
for _, add in ipairs(adds) do write(add) end
if #adds > 0 then prune(PRUNE) end
return answer(verdict, text(c.at), c.id, c.iat, c.exp, c.note)
