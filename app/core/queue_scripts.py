"""The steps of fair queues that must not be interleaved, as scripts that Redis runs: what is taken, held, given back.

RQ puts a job's id into its list, as ever. The first script that looks moves ids from there into a lane for each
hospital; the hospital stands in the id. Time is Redis's own, so that the clocks of workers do not matter.
"""

from __future__ import annotations

# Names of keys; `shared_name` makes the same ones. A lane is a hospital's code, or `platform`.
_COMMON = """
local function now()
  local t = redis.call('TIME')
  return tonumber(t[1]) + tonumber(t[2]) / 1000000
end
local function at(what, queue) return 'platform:jobs:' .. what .. ':' .. queue end
local function lane_of(id) return string.match(id, '^([a-z][a-z0-9-]*)_[0-9a-zA-Z_-]+$') or 'platform' end
local function list_of(lane, queue) return lane .. ':jobs:lane:' .. queue end
local function count(lane, outcome) redis.call('HINCRBY', 'platform:jobs:counts', lane .. ' ' .. outcome, 1) end

local function open_lane(lane, queue)
  if redis.call('ZSCORE', at('lanes', queue), lane) then return end
  local past = tonumber(redis.call('GET', at('round', queue)) or '0')
  local own = tonumber(redis.call('HGET', at('passes', queue), lane) or '0')
  redis.call('ZADD', at('lanes', queue), math.max(past, own), lane)
end
local function place(id, queue, first)
  local lane = lane_of(id)
  redis.call(first and 'LPUSH' or 'RPUSH', list_of(lane, queue), id)
  open_lane(lane, queue)
end
local function wake(queue)
  redis.call('LPUSH', at('wake', queue), '1')
  redis.call('LTRIM', at('wake', queue), 0, 63)
end
local function release(id, queue)
  if redis.call('ZREM', at('taken', queue), id) == 0 then return end
  redis.call('HDEL', at('owners', queue), id)
  local lane = lane_of(id)
  if redis.call('HINCRBY', at('running', queue), lane, -1) <= 0 then redis.call('HDEL', at('running', queue), lane) end
end
local function sort_in(queue)
  local inbox = 'rq:queue:' .. queue
  while true do
    local ids = redis.call('LRANGE', inbox, 0, 4999)
    if #ids == 0 then break end
    redis.call('LTRIM', inbox, #ids, -1)
    for _, id in ipairs(ids) do place(id, queue, false) end
  end
  local due = redis.call('ZRANGEBYSCORE', at('later', queue), '-inf', now(), 'LIMIT', 0, 1000)
  for _, id in ipairs(due) do
    redis.call('ZREM', at('later', queue), id)
    place(id, queue, true)
  end
end
local function present(worker, queue, lease)
  local t = now()
  redis.call('ZADD', at('workers', queue), t, worker)
  redis.call('ZREMRANGEBYSCORE', at('workers', queue), '-inf', t - lease)
  return redis.call('ZCARD', at('workers', queue))
end
"""

# Weighted round-robin (stride scheduling): each lane has a pass, the lowest is next, and a job moves its lane on by one
# part of its weight. A lane that was empty enters at the present round: it is next, and has saved up nothing.
TAKE = (
    _COMMON
    + """
local worker, lease, most = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
for n = 4, #ARGV do
  local queue = ARGV[n]
  sort_in(queue)
  local others = math.max(1, present(worker, queue, lease) - 1)
  local skipped = 0
  while true do
    local lane = redis.call('ZRANGE', at('lanes', queue), skipped, skipped)[1]
    if not lane then break end
    local running = tonumber(redis.call('HGET', at('running', queue), lane) or '0')
    if running >= (lane == 'platform' and others or math.min(most, others)) then
      skipped = skipped + 1
    else
      local pass = tonumber(redis.call('ZSCORE', at('lanes', queue), lane))
      local id = redis.call('LPOP', list_of(lane, queue))
      local there = id and redis.call('EXISTS', 'rq:job:' .. id) == 1
      if there then
        local weight = tonumber(redis.call('HGET', 'platform:jobs:weights', lane) or '1')
        redis.call('SET', at('round', queue), pass)
        pass = pass + 1 / math.max(weight, 0.01)
      end
      if redis.call('LLEN', list_of(lane, queue)) == 0 then
        redis.call('ZREM', at('lanes', queue), lane)
        redis.call('HSET', at('passes', queue), lane, pass)
      else
        redis.call('ZADD', at('lanes', queue), pass, lane)
      end
      if there then
        redis.call('ZADD', at('taken', queue), now() + lease, id)
        redis.call('HSET', at('owners', queue), id, worker)
        redis.call('HINCRBY', at('running', queue), lane, 1)
        return {queue, id, redis.call('HINCRBY', 'rq:job:' .. id, 'attempts', 1)}
      end
    end
  end
end
return false
"""
)

# Keeps a job that a worker has, also when Redis has forgotten everything; 0 when it is another's by now. Without an id
# it only says that the worker is there.
HOLD = (
    _COMMON
    + """
local worker, lease, queue, id = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4]
present(worker, queue, lease)
if id == '' then return 1 end
local owner = redis.call('HGET', at('owners', queue), id)
if owner and owner ~= worker then return 0 end
if not owner then
  redis.call('HSET', at('owners', queue), id, worker)
  redis.call('HINCRBY', at('running', queue), lane_of(id), 1)
end
redis.call('ZADD', at('taken', queue), now() + lease, id)
return 1
"""
)

# Ends a job: done, failed, or put back after some seconds. 0 when it is another's by now: then nothing changes. The id
# of its dead letter, when it was given up before and is done now.
SETTLE = (
    _COMMON
    + """
local worker, queue, id, outcome, delay = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local name, took, key = ARGV[6], ARGV[7], ARGV[8]
if redis.call('HGET', at('owners', queue), id) ~= worker then return 0 end
release(id, queue)
local t, lane = now(), lane_of(id)
count(lane, outcome)
if outcome ~= 'done' then
  local hour = 'platform:jobs:failed:' .. math.floor(t / 3600)
  redis.call('HINCRBY', hour, lane, 1)
  redis.call('EXPIRE', hour, 90000)
end
if name ~= '' then
  local facts = string.format('%.3f', t) .. ' ' .. outcome .. ' ' .. took .. ' ' .. lane
  redis.call('HSET', 'platform:jobs:last', name, facts)
end
if delay >= 0 then
  redis.call('HSET', 'rq:job:' .. id, 'status', 'queued')
  if delay == 0 then place(id, queue, true) else redis.call('ZADD', at('later', queue), t + delay, id) end
elseif redis.call('EXISTS', 'rq:job:' .. id) == 1 then
  redis.call('DEL', 'rq:job:' .. id)
end
wake(queue)
local letter = outcome == 'done' and key ~= '' and redis.call('HGET', 'platform:jobs:given-up', key)
if letter then
  redis.call('HDEL', 'platform:jobs:given-up', key)
  return letter
end
return 1
"""
)

# Gives this worker what others held and have not been heard of since: one job after the other.
INHERIT = (
    _COMMON
    + """
local worker, lease, queue = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local id = redis.call('ZRANGEBYSCORE', at('taken', queue), '-inf', now(), 'LIMIT', 0, 1)[1]
if not id then return false end
redis.call('HSET', at('owners', queue), id, worker)
redis.call('ZADD', at('taken', queue), now() + lease, id)
return {id, tonumber(redis.call('HGET', 'rq:job:' .. id, 'attempts') or '0')}
"""
)

LEAVE = (
    _COMMON
    + """
for n = 2, #ARGV do redis.call('ZREM', at('workers', ARGV[n]), ARGV[1]) end
return 1
"""
)

# What a queue holds now, for those who watch: each lane with what waits there and since which job, oldest lane first.
LOOK = (
    _COMMON
    + """
local queue = ARGV[1]
sort_in(queue)
local found = {}
for _, lane in ipairs(redis.call('ZRANGE', at('lanes', queue), 0, -1)) do
  local list = list_of(lane, queue)
  local first = redis.call('LINDEX', list, 0)
  local since = first and redis.call('HGET', 'rq:job:' .. first, 'enqueued_at') or ''
  table.insert(found, {lane, redis.call('LLEN', list), since or ''})
end
return found
"""
)

# Ids that wait in a queue, in the order of their lanes.
IDS = (
    _COMMON
    + """
local queue, found = ARGV[1], {}
sort_in(queue)
for _, lane in ipairs(redis.call('ZRANGE', at('lanes', queue), 0, -1)) do
  for _, id in ipairs(redis.call('LRANGE', list_of(lane, queue), 0, -1)) do table.insert(found, id) end
end
return found
"""
)

COUNT = (
    _COMMON
    + """
local queue = ARGV[1]
local found = redis.call('LLEN', 'rq:queue:' .. queue)
for _, lane in ipairs(redis.call('ZRANGE', at('lanes', queue), 0, -1)) do
  found = found + redis.call('LLEN', list_of(lane, queue))
end
return found
"""
)

REMOVE = (
    _COMMON
    + """
local queue, id = ARGV[1], ARGV[2]
local lane = lane_of(id)
local removed = redis.call('LREM', 'rq:queue:' .. queue, 1, id) + redis.call('LREM', list_of(lane, queue), 1, id)
if redis.call('LLEN', list_of(lane, queue)) == 0 then redis.call('ZREM', at('lanes', queue), lane) end
return removed + redis.call('ZREM', at('later', queue), id)
"""
)
