-- Counts an attempt to log in as a failure, or says how long it has to wait.
--
-- KEYS[4] the account's count  KEYS[5] the count of the account at this address,
-- which is its home where it exists  KEYS[6] the address's count; the last two
-- are left out where the address is not known
-- ARGV[7] failures of an account that have no consequence, 0: not counted
-- ARGV[8] until one of them is forgiven  ARGV[9], ARGV[10] the same of an address
-- ARGV[11] the first wait  ARGV[12] the longest (milliseconds)
-- ARGV[13] how many failures beyond the limit count
--
-- ok    counted
-- wait  so many milliseconds; nothing was counted
local refusal = unfit()
if refusal then return refusal end
local FIRST, LONGEST, STEPS = tonumber(ARGV[11]), tonumber(ARGV[12]), tonumber(ARGV[13])

-- count reads one: when all of it is forgiven, and when the last was counted.
local function count(key, value, limit, drain)
  local empty, last = NOW, 0
  if value then
    empty, last = string.match(value, '^1 (%d+) (%d+)$')
    if not empty or not whole(empty) or not whole(last) then return nil end
  end
  local most = NOW + (limit + STEPS) * drain
  return {key = key, limit = limit, drain = drain, most = most, there = value,
    empty = math.min(math.max(tonumber(empty), NOW), most), last = tonumber(last)}
end

local function wait(c)
  local n = math.ceil((c.empty - NOW) / c.drain)
  if n < c.limit then return 0 end
  local pause = math.min(FIRST * 2 ^ math.min(n - c.limit, STEPS), LONGEST)
  return math.min(math.max(c.last + pause - NOW, 0), LONGEST)
end

local counts, longest = {}, 0
local function look(key, value, limit, drain)
  if tonumber(limit) == 0 then return end
  local c = count(key, value, tonumber(limit), tonumber(drain))
  if not c then return answer('foreign', key) end
  counts[#counts + 1] = c
  longest = math.max(longest, wait(c))
end

local account, value = KEYS[4], nil
if KEYS[5] then value = redis.call('GET', KEYS[5]) end
if value then account = KEYS[5] else value = redis.call('GET', KEYS[4]) end
refusal = look(account, value, ARGV[7], ARGV[8])
if not refusal and KEYS[6] then refusal = look(KEYS[6], redis.call('GET', KEYS[6]), ARGV[9], ARGV[10]) end
if refusal then return refusal end
if longest > 0 then return answer('wait', text(longest)) end

if #counts > 0 then begin() end
for _, c in ipairs(counts) do
  local empty = math.min(c.empty + c.drain, c.most)
  local expires = empty
  -- A home is one for as long as it was to be, however empty its count.
  if c.key == KEYS[5] then expires = redis.call('PEXPIRETIME', c.key) end
  redis.call('SET', c.key, '1 ' .. text(empty) .. ' ' .. text(NOW), 'PXAT', text(expires))
end
return answer('ok')
