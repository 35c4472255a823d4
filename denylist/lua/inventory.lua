-- Adds a session to its subject's inventory, or takes some out of it.
--
-- KEYS[4] the inventory
-- ARGV[7] how many sessions it keeps
-- ARGV[8] sid, ARGV[9] login, ARGV[10] end, ARGV[11] idle until, ARGV[12] label
-- of the session to add; NONE as sid: none
-- ARGV[13] and on  the sids to take out
--
-- ok
local refusal = unfit()
if refusal then return refusal end
local LIST, FIELDS_OF = KEYS[4], 5

-- sessions reads the inventory: nil where it is not one.
local function sessions()
  local f = words(redis.call('GET', LIST) or '1')
  if f[1] ~= '1' or (#f - 1) % FIELDS_OF ~= 0 then return nil end
  local all = {}
  for i = 2, #f, FIELDS_OF do
    for j = i + 1, i + 3 do
      if not whole(f[j]) then return nil end
    end
    all[#all + 1] = {sid = f[i], begun = f[i + 1], ends = f[i + 2], idle = f[i + 3], label = f[i + 4]}
  end
  return all
end

local all = sessions()
if not all then return answer('foreign', LIST) end
local gone, list, last = {[ARGV[8]] = true}, {}, 0
for i = 13, #ARGV do gone[ARGV[i]] = true end
if ARGV[8] ~= NONE then
  all[#all + 1] = {sid = ARGV[8], begun = ARGV[9], ends = ARGV[10], idle = ARGV[11], label = ARGV[12], new = true}
end
for _, s in ipairs(all) do
  if tonumber(s.ends) > NOW and (s.new or not gone[s.sid]) then list[#list + 1] = s end
end
table.sort(list, function(a, b)
  if a.begun == b.begun then return a.sid < b.sid end
  return tonumber(a.begun) > tonumber(b.begun)
end)
local fields = {'1'}
for i = 1, math.min(#list, tonumber(ARGV[7])) do
  local s = list[i]
  last = math.max(last, tonumber(s.ends))
  for _, field in ipairs({s.sid, s.begun, s.ends, s.idle, s.label}) do fields[#fields + 1] = field end
end
begin()
if last > 0 then
  redis.call('SET', LIST, table.concat(fields, ' '), 'PXAT', text(last))
else
  redis.call('DEL', LIST)
end
return answer('ok')
