-- What every script begins with: the clock, the settings on record, and how
-- an entry is read, merged (R10) and written.
--
-- KEYS[1] meta  KEYS[2] index  KEYS[3] log
-- ARGV[1] schema  ARGV[2] epoch, should the denylist be new  ARGV[3] partitions
-- ARGV[4] max_leeway  ARGV[5] skew_margin  ARGV[6] max_staleness (milliseconds)
--
-- Each reply is an array of strings: a word, Redis's clock in microseconds,
-- and what the word needs. All of them:
--   settings  schema, partitions   meta has others: nothing was written
--   foreign   key                  its value is not ours: nothing was written
local META, INDEX, LOG = KEYS[1], KEYS[2], KEYS[3]
local LEEWAY, SKEW = tonumber(ARGV[4]), tonumber(ARGV[5])
local LAST = 253402300799999 -- of the year 9999: no instant is later
local NONE = '-'
local KEEP = 600000 -- how long the log keeps a change
local PRUNE = 128   -- how many expired members of the index a write forgets

local time = redis.call('TIME')
local NOW = time[1] * 1000 + math.floor(time[2] / 1000)
local fresh = false

-- Lua's own tostring makes 2.534023008e+14 of an instant.
local function text(n) return n and string.format('%.0f', n) or NONE end
local function number(s) if s ~= NONE then return tonumber(s) end end
local function cap(n) return math.min(n, LAST) end

local function answer(word, ...)
  return {word, text(time[1] * 1000000 + time[2]), ...}
end

-- whole reports whether a word is an integer that Lua does not round.
local function whole(word) return #word <= 15 and string.find(word, '^%-?%d+$') end

-- unfit returns a refusal, or nil. It touches each key that will be written,
-- so that one of a wrong type fails here, before the first write.
local function unfit()
  local known = redis.call('HMGET', META, 'schema', 'partitions', 'seq', 'spends', 't', 's', 'u', 'i')
  redis.call('ZCARD', INDEX)
  redis.call('XLEN', LOG)
  fresh = not known[1]
  if known[1] and (known[1] ~= ARGV[1] or known[2] ~= ARGV[3]) then
    return answer('settings', known[1], known[2] or NONE)
  end
  for i = 3, 8 do
    -- Only those of the scopes begin by themselves.
    local counter = known[i] or (fresh or i > 4) and '0'
    if not counter or not whole(counter) then return answer('foreign', META) end
  end
end

-- begin makes meta, before the first write of all.
local function begin()
  if not fresh then return end
  fresh = false
  redis.call('HSET', META, 'schema', ARGV[1], 'epoch', ARGV[2], 'seq', '0', 'spends', '0',
    'partitions', ARGV[3], 'max_leeway', ARGV[4], 'skew_margin', ARGV[5], 'max_staleness', ARGV[6])
end

local function words(value)
  local f = {}
  for word in string.gmatch(value, '[^ ]+') do f[#f + 1] = word end
  return f
end

-- fits reports whether an entry has the halves of its scope.
local function fits(e, scope)
  local wide = scope == 'u' or scope == 'i'
  return e.expires and (e.revoked or e.rotated) and (e.rotated == nil) == (e.effective == nil)
    and (e.cutoff ~= nil) == (e.revoked ~= nil and wide) and (scope == 't' or not e.rotated)
end

-- fetch returns the entry under a key and its value, nil if there is none,
-- false if the value is not an entry.
local function fetch(key)
  local value = redis.call('GET', key)
  if not value then return nil end
  local f = words(value)
  if #f ~= 9 or f[1] ~= '1' then return false end
  for i = 2, 6 do
    if f[i] ~= NONE and not whole(f[i]) then return false end
  end
  local e = {
    expires = number(f[2]), revoked = number(f[3]), cutoff = number(f[4]), rotated = number(f[5]),
    effective = number(f[6]), issuer = f[7], id = f[8], reason = f[9],
  }
  if not fits(e, string.match(key, ':(%a):[^:]*$')) then return false end
  if e.expires <= NOW then return nil end
  return e, value
end

-- read is fetch, once for each key. A script's own writes show in it.
local seen = {}
local function read(key)
  if not seen[key] then seen[key] = {fetch(key)} end
  return seen[key][1], seen[key][2]
end

local function format(e)
  return table.concat({'1', text(e.expires), text(e.revoked), text(e.cutoff), text(e.rotated),
    text(e.effective), e.issuer, e.id, e.reason}, ' ')
end

-- An entry to be written is ten of ARGV: member, issuer, id, until, lifetime,
-- least expiry, whether it is revoked (1 or 0), cutoff, reason, whether it is
-- rotated (1 or 0).
local FIELDS = 10

-- stamp is the entry in ARGV[i] and on, as it is written at an instant. What is
-- rotated is denied an overlap later.
local function stamp(i, at, overlap)
  local e = {member = ARGV[i], issuer = ARGV[i + 1], id = ARGV[i + 2], reason = NONE}
  local ends, least = number(ARGV[i + 3]), number(ARGV[i + 5])
  if ARGV[i + 6] == '1' then
    e.revoked, e.reason = at, ARGV[i + 8]
    if string.find(e.member, '^[ui]') then e.cutoff = number(ARGV[i + 7]) or at end
  end
  if ARGV[i + 9] == '1' then
    e.rotated, e.effective = at, cap(at + overlap)
  end
  ends = ends or math.max(at, e.cutoff or at) + tonumber(ARGV[i + 4])
  e.expires = cap(math.max(cap(ends) + LEEWAY + SKEW, least))
  return e
end

-- stamps is stamp for the entries of KEYS[first] and on. With them it returns
-- a refusal where one cannot be written:
--   cutoff   further ahead than the skew margin: nothing was written
local function stamps(first, i, at, overlap)
  local adds = {}
  for k = first, #KEYS do
    local add = stamp(i, at, overlap)
    if add.cutoff and add.cutoff > at + SKEW then return nil, answer('cutoff') end
    local have = read(KEYS[k])
    local named = have and have.issuer ~= NONE
    if have == false or named and (have.issuer ~= add.issuer or have.id ~= add.id) then
      return nil, answer('foreign', KEYS[k])
    end
    add.key = KEYS[k]
    adds[#adds + 1] = add
    i = i + FIELDS
  end
  return adds
end

-- record logs a change: the sequence number, the member, what its revoked half
-- is now, its effective-from and its expiry. A revoked half is - (none), +
-- (revoked), its cutoff, or ! (taken back by an operator).
local function record(e, revoked)
  local seq = redis.call('HINCRBY', META, 'seq', 1)
  redis.call('XADD', LOG, 'MINID', '~', text(NOW - KEEP), '*', 'n', text(seq), 'm', e.member,
    'r', revoked, 'e', text(e.effective), 'x', text(e.expires))
end

-- merge is R10: nothing is weakened, shortened or postponed. It returns false
-- where that changes nothing.
local function merge(have, add)
  local changed = false
  local function set(name, value)
    if value ~= nil and value ~= have[name] then have[name], changed = value, true end
  end
  if have.issuer == NONE and add.issuer ~= NONE then -- it was given back by digest
    set('issuer', add.issuer)
    set('id', add.id)
  end
  set('expires', math.max(have.expires, add.expires))
  if add.revoked and not have.revoked then
    set('revoked', add.revoked)
    set('cutoff', add.cutoff)
    set('reason', add.reason)
  elseif add.cutoff then
    set('cutoff', math.max(have.cutoff or add.cutoff, add.cutoff))
  end
  if add.rotated then
    set('rotated', math.min(have.rotated or add.rotated, add.rotated))
    set('effective', math.min(have.effective or add.effective, add.effective))
  end
  return changed
end

-- write merges an entry into the denylist and says what became of it and how
-- it stands: recorded, merged, unchanged or obsolete.
local function write(add)
  if add.expires <= NOW then return 'obsolete', format(add) end
  local e, outcome = read(add.key), 'merged'
  if not e then
    e, outcome = add, 'recorded'
    seen[add.key] = {e}
  elseif not merge(e, add) then
    return 'unchanged', format(e)
  end
  begin()
  e.member = add.member
  local value = format(e)
  -- The entry comes last: were a command before it forbidden, a repeated write
  -- would still find something to change, and log it.
  record(e, e.revoked and (e.cutoff and text(e.cutoff) or '+') or NONE)
  if redis.call('ZADD', INDEX, text(e.expires), e.member) == 1 then
    redis.call('HINCRBY', META, string.sub(e.member, 1, 1), 1)
  end
  redis.call('SET', add.key, value, 'PXAT', text(e.expires))
  return outcome, value
end

-- prune forgets the first expired members of the index and says how many.
local function prune(most)
  local gone = redis.call('ZRANGE', INDEX, '-inf', text(NOW), 'BYSCORE', 'LIMIT', 0, most)
  if #gone == 0 then return 0 end
  redis.call('ZREM', INDEX, unpack(gone))
  local count = {t = 0, s = 0, u = 0, i = 0}
  for _, member in ipairs(gone) do
    local scope = string.sub(member, 1, 1)
    count[scope] = (count[scope] or 0) + 1
  end
  for scope, n in pairs(count) do
    if n > 0 then redis.call('HINCRBY', META, scope, -n) end
  end
  return #gone
end
