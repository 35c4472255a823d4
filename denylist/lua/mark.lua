-- Marks tokens for renewal.
--
-- KEYS[4] and on  the marks, in order
-- ARGV[7] and on  two for each mark: until, lifetime: see stamp
--
-- ok  the instant of the latest mark
local refusal = unfit()
if refusal then return refusal end

local marks, i = {}, 7
for k = 4, #KEYS do
  local until_, at, expires = number(ARGV[i]), NOW, 0
  local value = redis.call('GET', KEYS[k])
  if value then
    local had = string.match(value, '^1 (%d+)$')
    if not had or not whole(had) then return answer('foreign', KEYS[k]) end
    -- Two marks of one instant would be one to a token that was renewed
    -- between them.
    at, expires = math.max(at, tonumber(had) + 1), redis.call('PEXPIRETIME', KEYS[k])
  end
  local ends = cap(until_ or NOW + tonumber(ARGV[i + 1]))
  expires = math.max(expires, cap(ends + LEEWAY + SKEW))
  if expires > NOW then marks[#marks + 1] = {KEYS[k], at, expires} end
  i = i + 2
end

local latest = NOW
if #marks > 0 then begin() end
for _, m in ipairs(marks) do
  redis.call('SET', m[1], '1 ' .. text(m[2]), 'PXAT', text(m[3]))
  latest = math.max(latest, m[2])
end
return answer('ok', text(latest))
