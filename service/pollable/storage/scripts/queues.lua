-- needs: workers
-- How the queues are now, and were within the last hour.
-- ARGV: our prefix, RQ's prefix, then the queues' names.
-- Reply: {for each queue {depth, age of the oldest that waits in ms, jobs that are due later, running jobs, workers,
-- those of them that are busy}; what the reapers noted, oldest first (`HISTORY`)}.

-- How many jobs run, by queue. There are no more leases than workers.
local running = {}
local leased = redis.pcall('ZRANGE', LEASES, 0, -1)
for _, id in ipairs(leased) do
  local queue = redis.pcall('HGET', record_key(id), 'queue')
  if type(queue) == 'string' then running[queue] = (running[queue] or 0) + 1 end
end

local function listening(queue)
  local living, busy = 0, 0
  for _, worker in ipairs(redis.pcall('SMEMBERS', RQ .. 'workers:' .. queue)) do
    local told = redis.pcall('HMGET', worker, 'birth', 'death', 'last_heartbeat', 'state')
    if told[1] and not told[2] and lives(worker, told[3]) then
      living = living + 1
      if told[4] == 'busy' then busy = busy + 1 end
    end
  end
  return living, busy
end

local queues = {}
for at = 3, #ARGV do
  local queue = ARGV[at]
  local depth, age_ms = waiting_in(queue)
  local later = tonumber(redis.pcall('ZCOUNT', pending_key(queue), '(' .. now, '+inf')) or 0
  queues[#queues + 1] = {depth, age_ms, later, running[queue] or 0, listening(queue)}
end
local noted = redis.pcall('ZRANGEBYSCORE', HISTORY, now - HISTORY_MS, '+inf')
return {queues, noted.err and {} or noted}
