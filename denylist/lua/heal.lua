-- Gives back entries that Redis has forgotten and a mirror has not. A mirror
-- knows digests only, so what is new has neither issuer nor id. Without entries
-- it makes meta, where there is none: with it the fleet's settings are on
-- record before a mirror proves anything.
--
-- KEYS[4] and on  the entries, in order
-- ARGV[7] the id of the log's record up to which the mirror has read
-- ARGV[8] and on  five for each entry: member, expiry, whether it is revoked
-- (1 or 0), cutoff, effective-from
--
-- ok      how many entries deny more now, how many values were not ours and
--         left alone
-- behind  there is too much that the mirror has not read: nothing was written
local refusal = unfit()
if refusal then return refusal end
local UNREAD = 256

-- What was reinstated meanwhile is not brought back.
local unread = redis.call('XREVRANGE', LOG, '+', '(' .. ARGV[7], 'COUNT', UNREAD + 1)
if #unread > UNREAD then return answer('behind') end
begin()
local undone = {}
for _, change in ipairs(unread) do
  local f = {}
  for i = 1, #change[2], 2 do f[change[2][i]] = change[2][i + 1] end
  if f.m and f.r == '!' then undone[f.m] = true end
end

local given, foreign, i = 0, 0, 8
for k = 4, #KEYS do
  local add = {member = ARGV[i], key = KEYS[k], issuer = NONE, id = NONE, reason = NONE,
    expires = number(ARGV[i + 1]), cutoff = number(ARGV[i + 3]), effective = number(ARGV[i + 4])}
  if ARGV[i + 2] == '1' then add.revoked = NOW end
  -- 0: some instant that has passed. Which, the mirror does not know any more.
  if add.effective == 0 then add.effective = NOW end
  if add.effective then add.rotated = math.min(NOW, add.effective) end
  if read(add.key) == false or not fits(add, string.sub(add.member, 1, 1)) then
    foreign = foreign + 1
  elseif not undone[add.member] then
    local outcome = write(add)
    if outcome == 'recorded' or outcome == 'merged' then given = given + 1 end
  end
  i = i + 5
end
prune(PRUNE)
return answer('ok', text(given), text(foreign))
