-- needs: counts workers
-- What `GET /metrics` tells. Nothing here writes.
-- ARGV: our prefix, RQ's prefix, then the names of our queues.
-- Reply: {the hash of counts; the bounds of jobs' histograms, in seconds; what runs; of each type {name, how many of its jobs
-- wait and are due, how many are due later, how many run}; of each queue of ours {name, how many are due, how many are due
-- later, ms for which the oldest of those that are due waits}; of each queue of RQ's {name, how many are queued, started,
-- finished, failed, deferred, scheduled, canceled}; of each worker {name, state, queues, its last heartbeat in ms since the
-- epoch, jobs that succeeded, jobs that failed, seconds of work}; of each web process how many wait in it}.
local AT_MOST = 1000
local REGISTRIES = {'wip:', 'finished:', 'failed:', 'deferred:', 'scheduled:', 'canceled:'}

-- pcall: what has another type than RQ's counts as nothing.
local function size(command, key)
  local counted = redis.pcall(command, key)
  return type(counted) == 'number' and counted or 0
end

local function size_between(from, to, key)
  local counted = redis.pcall('ZCOUNT', key, from, to)
  return type(counted) == 'number' and counted or 0
end

-- There are no more leases than workers.
local function running_by_type()
  local running = {}
  for _, id in ipairs(redis.pcall('ZRANGE', LEASES, 0, -1)) do
    local state, of = unpack(redis.pcall('HMGET', record_key(id), 'state', 'type'))
    if state == 'running' and of then running[of] = (running[of] or 0) + 1 end
  end
  return running
end

local function of_types(types)
  local rows, running = {}, running_by_type()
  for _, of in ipairs(types) do
    local waiting = waiting_key(of)
    rows[#rows + 1] = {of, size_between('-inf', now, waiting), size_between('(' .. now, '+inf', waiting), running[of] or 0}
    running[of] = nil
  end
  -- Submitted before anything was counted.
  for of, number in pairs(running) do rows[#rows + 1] = {of, 0, 0, number} end
  return rows
end

local function of_queue(queue)
  local pending = pending_key(queue)
  local due = redis.call('ZCOUNT', pending, '-inf', now)
  local oldest = redis.call('ZRANGE', pending, 0, 0, 'WITHSCORES')[2]
  local age_ms = oldest and math.max(0, now - tonumber(oldest)) or 0
  return {queue, due, redis.call('ZCARD', pending) - due, string.format('%.0f', age_ms)}
end

local function of_rq(key)
  local queue = string.sub(key, #(RQ .. 'queue:') + 1)
  local sizes = {queue, size('LLEN', key)}
  for _, registry in ipairs(REGISTRIES) do sizes[#sizes + 1] = size('ZCARD', RQ .. registry .. queue) end
  return sizes
end

local function of_worker(key)
  local birth, death, state, queues, beat, succeeded, failed, worked = unpack(redis.pcall('HMGET', key, 'birth', 'death',
    'state', 'queues', 'last_heartbeat', 'successful_job_count', 'failed_job_count', 'total_working_time'))
  if not birth or death then return nil end
  local name = string.sub(key, #(RQ .. 'worker:') + 1)
  return {name, state or '', queues or '', string.format('%.0f', moment_ms(beat)), succeeded or '0', failed or '0', worked or '0'}
end

local function each(keys, of)
  local found = {}
  for at = 1, math.min(#keys, AT_MOST) do found[#found + 1] = of(keys[at]) end
  return found
end

local bounds, waiters, counted = {}, {}, redis.pcall('HGETALL', COUNTS)
for at, bound in ipairs(JOB_BOUNDS_S) do bounds[at] = tostring(bound) end
local webs = redis.pcall('HGETALL', OURS .. 'webs')
for at = 1, #webs, 2 do
  local lives_until, waiting = string.match(webs[at + 1], '^(%d+) (%d+)$')
  if lives_until and tonumber(lives_until) >= now then waiters[#waiters + 1] = waiting end
end
counted = counted.err and {} or counted
return {counted, bounds, redis.call('ZCARD', LEASES), of_types(types_in(counted)), each({unpack(ARGV, 3)}, of_queue),
  each(redis.call('SMEMBERS', RQ .. 'queues'), of_rq), each(redis.call('SMEMBERS', RQ .. 'workers'), of_worker), waiters}
