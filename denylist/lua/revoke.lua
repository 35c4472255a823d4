-- Merges entries into the denylist, all or none.
--
-- KEYS[4] and on  the entries, in order; one key may come twice
-- ARGV[7] the instant of the write, - for now  ARGV[8] overlap (milliseconds)
-- ARGV[9] and on  ten for each entry: see stamp
--
-- ok       for each entry what became of it, and its value
-- cutoff   one is further ahead than the skew margin: nothing was written
local refusal = unfit()
if refusal then return refusal end
local adds
adds, refusal = stamps(4, 9, number(ARGV[7]) or NOW, tonumber(ARGV[8]))
if refusal then return refusal end

local results = {}
for _, add in ipairs(adds) do
  local outcome, value = write(add)
  results[#results + 1] = outcome
  results[#results + 1] = value
end
prune(PRUNE)
local reply = answer('ok')
for _, result in ipairs(results) do reply[#reply + 1] = result end
return reply
