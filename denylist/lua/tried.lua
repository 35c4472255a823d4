-- Says how an attempt ended that throttle.lua counted and that was no failure.
--
-- KEYS[4] and on  as in throttle.lua
-- ARGV[7] 1: the password was right; 0: nobody looked at it
-- ARGV[8] until a failure of an account is forgiven, 0: it is not counted
-- ARGV[9] the same of an address  ARGV[10] how long an account is at home where
-- somebody logged into it (milliseconds)
--
-- ok
local refusal = unfit()
if refusal then return refusal end

-- fewer takes one failure off a count.
local function fewer(key, value, drain)
  local empty, last = string.match(value or '', '^1 (%d+) (%d+)$')
  if not empty or not whole(empty) or drain == 0 then return end
  local rest = tonumber(empty) - drain
  local expires = rest
  if key == KEYS[5] then expires = redis.call('PEXPIRETIME', key) end
  if expires <= NOW then
    redis.call('DEL', key)
  else
    redis.call('SET', key, '1 ' .. text(math.max(rest, 0)) .. ' ' .. last, 'PXAT', text(expires))
  end
end

local drain = tonumber(ARGV[8])
local account, value = KEYS[4], nil
if KEYS[5] then value = redis.call('GET', KEYS[5]) end
if value then account = KEYS[5] else value = redis.call('GET', KEYS[4]) end
local place = KEYS[6] and redis.call('GET', KEYS[6])
begin()
if ARGV[7] == '1' and drain > 0 then
  if KEYS[5] then redis.call('SET', KEYS[5], '1 0 0', 'PXAT', text(NOW + tonumber(ARGV[10]))) end
  if account == KEYS[4] then redis.call('DEL', KEYS[4]) end
else
  fewer(account, value, drain)
end
if KEYS[6] then fewer(KEYS[6], place, tonumber(ARGV[9])) end
return answer('ok')
