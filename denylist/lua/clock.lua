-- Says what time it is, on a Redis that would accept a write.
--
-- ok
return answer('ok')
