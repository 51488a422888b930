-- Publish the message, unless publishers would then be too far ahead of the active aggregator: what
-- it has not read waits in Redis, which ends a subscription at `client-output-buffer-limit`.
-- Each message says in `at` where it ends. `taken` expires soon after a term ends, and then nothing
-- is held back. A count below `at` has begun again, with the store: all of it may be unread.
local size = #ARGV[2] + 64
local taken = redis.call('HMGET', KEYS[2], 'at', 'most')
if taken[1] and taken[2] then
  local before = tonumber(redis.call('GET', KEYS[1]) or '0')
  local ahead = before - tonumber(taken[1])
  if ahead < 0 then ahead = before end
  if ahead > 0 and ahead + size > tonumber(taken[2]) then return -1 end
end
local at = redis.call('INCRBY', KEYS[1], size)
return redis.call('PUBLISH', ARGV[1], string.format('{"at":%.0f,', at) .. ARGV[2]:sub(2))
