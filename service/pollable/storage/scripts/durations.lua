-- needs: view
-- How long jobs of each type ran of late, in milliseconds: a mean in which each success counts for a fifth.

local DURATIONS, DURATIONS_TTL_S = OURS .. 'durations', 7 * 86400

-- What somebody else wrote there says nothing.
local function usual_ms(of)
  local told = redis.pcall('HGET', DURATIONS, of or '')
  return type(told) == 'string' and #told < 12 and string.match(told, '^%d+$') and tonumber(told)
end

-- A first attempt began when the job did; of a later one nobody remembers when.
local function note_duration(id)
  local of, started_at, attempt = unpack(redis.call('HMGET', record_key(id), 'type', 'started_at', 'attempt'))
  if attempt ~= '1' or not tonumber(started_at) then return end
  local took_ms = math.max(now - started_at, 1)
  local mean_ms = usual_ms(of) or took_ms
  redis.pcall('HSET', DURATIONS, of, math.floor(mean_ms + (took_ms - mean_ms) / 5 + 0.5))
  redis.call('EXPIRE', DURATIONS, DURATIONS_TTL_S)
end

-- When the job will have ended if it is like the others of its type, and those in front of it, too: ms from now, 1 where that
-- was to be before now; 0 where nobody knows.
local function expected_ms(state, of, queue, run_at, started_at)
  local each_ms = (state == 'queued' or state == 'running') and usual_ms(of)
  if not each_ms then return 0 end
  if state == 'running' then return math.max(each_ms - (now - (tonumber(started_at) or now)), 1) end
  local ahead = redis.pcall('ZCOUNT', pending_key(queue), '-inf', '(' .. (tonumber(run_at) or 0))
  local workers = math.max(#redis.pcall('SMEMBERS', RQ .. 'workers:' .. queue), 1)
  return math.ceil((tonumber(ahead) or 0) * each_ms / workers + each_ms)
end
