-- needs: view memory
-- Which job types living workers know, by queue: a sorted set of types by the moment until which that is known.
-- A worker of ours says what it knows every few seconds (`announce`); RQ's own are looked for, and stand as '*'.
local ANNOUNCED_MS, STOCK_MS, TYPES_TTL_S = 20000, 3600000, 7200
-- The same of the queues on which anybody listens, and of `type=digest`, which payload a worker of ours takes.
local LISTENED, ANNOUNCED = OURS .. 'queues', OURS .. 'announced'

-- What is said every few seconds, for hours, is cleared of what is over in the first seconds of every ten minutes.
local CLEARED_EVERY_MS, CLEARED_FOR_MS = 600000, 6000

local function note(key, members)
  if #members == 0 then return end
  local noted = {}
  for _, member in ipairs(members) do
    noted[#noted + 1] = now + ANNOUNCED_MS
    noted[#noted + 1] = member
  end
  if redis.call('ZADD', key, unpack(noted)) == 0 and now % CLEARED_EVERY_MS > CLEARED_FOR_MS then return end
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now - STOCK_MS)
  redis.call('EXPIRE', key, TYPES_TTL_S)
end

-- Milliseconds since the epoch of a moment as RQ writes it, 2026-11-26T01:02:03.123456Z; 0 for another text.
local function moment_ms(text)
  local year, month, day, hour, minute, second =
    string.match(text or '', '^(%d%d%d%d)-(%d%d)-(%d%d)T(%d%d):(%d%d):(%d%d)')
  if not year then return 0 end
  year, month = tonumber(year), tonumber(month) - 3
  -- A year that begins in March has its odd day at its end.
  if month < 0 then year, month = year - 1, month + 12 end
  local leap_days = math.floor(year / 4) - math.floor(year / 100) + math.floor(year / 400)
  local days = 365 * year + leap_days + math.floor((153 * month + 2) / 5) + day - 719469
  return (((days * 24 + hour) * 60 + minute) * 60 + second) * 1000
end

-- Whether one of RQ's own workers was seen within 20 s. An idle one is silent for minutes (`worker_ttl`), yet it holds the
-- subscription to its commands, which ends with its process.
local function lives(worker, last_heartbeat)
  if now - moment_ms(last_heartbeat) <= ANNOUNCED_MS then return true end
  local name = string.sub(worker, #(RQ .. 'worker:') + 1)
  local counted = redis.pcall('PUBSUB', 'NUMSUB', RQ .. 'pubsub:' .. name)
  -- Where that may not be asked, its hash has to do.
  return counted.err or counted[2] > 0
end

-- 'gone', 'stock' where it is one of RQ's own that lives, or 'other'. Most listen on several queues.
local kinds = {}
local function kind_of(worker)
  if not kinds[worker] then
    local birth, death, is_ours, last_heartbeat =
      unpack(redis.call('HMGET', worker, 'birth', 'death', 'pollable', 'last_heartbeat'))
    local is_stock = not death and not is_ours and birth and lives(worker, last_heartbeat)
    kinds[worker] = not birth and 'gone' or is_stock and 'stock' or 'other'
  end
  return kinds[worker]
end

-- Whether RQ's own workers are on the queue; those whose hash has gone are taken from RQ's sets, as RQ's maintenance does.
local function note_workers(queue)
  local names, has_stock = RQ .. 'workers:' .. queue, false
  for _, worker in ipairs(redis.call('SMEMBERS', names)) do
    if kind_of(worker) == 'gone' then
      redis.call('SREM', names, worker)
      redis.call('SREM', RQ .. 'workers', worker)
    elseif kind_of(worker) == 'stock' then
      has_stock = true
    end
  end
  if has_stock then
    note(types_key(queue), {'*'})
    note(LISTENED, {queue})
  end
  return has_stock
end

-- How many jobs of a queue are due and wait, and for how many ms the oldest of them does.
local function waiting_in(queue)
  local depth = tonumber(redis.pcall('ZCOUNT', pending_key(queue), '-inf', now)) or 0
  if depth == 0 then return 0, 0 end
  return depth, now - tonumber(redis.call('ZRANGE', pending_key(queue), 0, 0, 'WITHSCORES')[2])
end

-- What that was within the last hour: a sorted set, by time in ms, of texts 'time queue depth age queue depth age ...'.
local HISTORY, HISTORY_MS = OURS .. 'history', 3600000

-- Whether RQ's own workers listened on the queue within the last hour.
local function had_stock_workers(queue)
  local lives_until = redis.call('ZSCORE', types_key(queue), '*')
  return lives_until and now - tonumber(lives_until) < STOCK_MS
end
