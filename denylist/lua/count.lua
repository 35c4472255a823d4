-- Counts the entries of each scope. What has expired is pruned first, and has
-- to be asked again while there is more of it.
--
-- ARGV[7] how many expired members to forget at most
--
-- ok    entries of scope token, session, subject, issuer
-- more  not all that has expired is forgotten yet
local refusal = unfit()
if refusal then return refusal end
local most = tonumber(ARGV[7])
if prune(most) == most then return answer('more') end
local n = redis.call('HMGET', META, 't', 's', 'u', 'i')
return answer('ok', n[1] or '0', n[2] or '0', n[3] or '0', n[4] or '0')
