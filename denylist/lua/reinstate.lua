-- Takes back the revoked half of an entry.
--
-- KEYS[4] the entry  ARGV[7] its member
--
-- ok      the value that is left; empty: none
-- absent  there is no such entry
-- spent   it has no revoked half
local refusal = unfit()
if refusal then return refusal end
local e = read(KEYS[4])
if e == false then return answer('foreign', KEYS[4]) end
if not e then return answer('absent') end
if not e.revoked then return answer('spent') end

begin()
e.member, e.revoked, e.cutoff, e.reason = ARGV[7], nil, nil, NONE
record(e, '!')
local left = ''
if e.rotated then
  left = format(e)
  redis.call('SET', KEYS[4], left, 'PXAT', text(e.expires))
else
  redis.call('DEL', KEYS[4])
  if redis.call('ZREM', INDEX, e.member) == 1 then
    redis.call('HINCRBY', META, string.sub(e.member, 1, 1), -1)
  end
end
prune(PRUNE)
return answer('ok', left)
