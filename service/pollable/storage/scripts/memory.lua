-- needs: names
-- What is left of Redis' memory (maxmemory), and who may use the last of it. The numbers: docs/decisions.md.

-- Percent of maxmemory that new jobs leave to those that are there, unless the reapers noted another.
local HEADROOM = 5
-- And this at least, but no more than a quarter: workers that start need it for themselves.
local LEAST_HEADROOM = 2000000
-- What the end of each job that waits may take, its payload apart.
local BYTES_AN_END = 700

-- Bytes that new jobs of the queue may still take; nil where memory has no limit, where Redis makes room itself, and where
-- nobody wants headroom.
local function room(queue)
  local told = redis.pcall('INFO', 'memory')
  if type(told) ~= 'string' or not string.find(told, 'maxmemory_policy:noeviction', 1, true) then return nil end
  local most = tonumber(string.match(told, '\nmaxmemory:(%d+)'))
  local percent = tonumber(redis.call('HGET', OURS .. 'reaper', 'headroom') or HEADROOM)
  if most == 0 or percent == 0 then return nil end
  local headroom = math.max(most * percent / 100, math.min(LEAST_HEADROOM, most / 4))
  -- Redis counts without what it owes to replicas and to its append-only file.
  local used = string.match(told, 'used_memory:(%d+)') - (string.match(told, 'mem_not_counted_for_evict:(%d+)') or 0)
  return math.floor(most - headroom) - used - BYTES_AN_END * redis.call('ZCARD', pending_key(queue))
end

local function is_short(queue)
  local left = room(queue)
  return left and left < 0
end

-- Called before its first write by whatever ends a job or keeps one: it may then write also when memory is used up. Redis
-- (6.2 to 7) refuses a script only the first write, and a deletion never.
local function use_headroom() redis.call('DEL', OURS .. 'nothing') end
