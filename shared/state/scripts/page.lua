#!lua flags=no-writes
-- One page in one consistent state: order, rows and version are read together.
-- Rows leave as finished JSON: stored values are JSON already, and the labels come ready-made.
-- KEYS  1 index, 2 meta
-- ARGV  1 prefix of row keys, 2 "1" for descending, 3 start, 4 stop, then the fields' names, then
--       their labels (`"price":`), in row order
local meta = redis.call('HMGET', KEYS[2], 'epoch', 'version', 'committed_ms', 'seeding')
local ids = redis.call(ARGV[2] == '1' and 'ZREVRANGE' or 'ZRANGE', KEYS[1], ARGV[3], ARGV[4])
local n = (#ARGV - 4) / 2
local rows, ghosts = {}, {}
for _, id in ipairs(ids) do
  local values = redis.call('HMGET', ARGV[1] .. id, unpack(ARGV, 5, 4 + n))
  if values[1] then
    local parts = {}
    for i = 1, n do
      if values[i] then parts[#parts + 1] = ARGV[4 + n + i] .. values[i] end
    end
    rows[#rows + 1] = {id, '{' .. table.concat(parts, ',') .. '}'}
  else
    ghosts[#ghosts + 1] = id
  end
end
return {meta, redis.call('ZCARD', KEYS[1]), #ids, rows, ghosts}
