-- A batch of operations, applied in order, as one step. KEYS: for each operation a hash and a sorted set.
-- ARGV: now, then seven numbers for each operation. Answers four integers for each. Times are in milliseconds.
-- The hash: n units, p pending units, h end of the hold, r rest of a pace in microseconds, u<time> and q<time> the
-- units and pending units of one event. The sorted set: the times of events.

local now = tonumber(ARGV[1])
local out = {}

local function text(number) return string.format('%.0f', number) end
local function number(value) return tonumber(value or '0') or 0 end

local function answer(what, a, b, c)
  out[#out + 1] = what
  out[#out + 1] = math.max(0, a)
  out[#out + 1] = math.max(0, b)
  out[#out + 1] = math.max(0, c)
end

-- Redis forgets a key a minute after it has ceased to matter.
local function keep(key, millis)
  local left = redis.call('PTTL', key)
  local ttl = millis + 60000
  if left < ttl then redis.call('PEXPIRE', key, text(ttl)) end
end

local function refuse(hash, wait, hold, settled)
  if hold > 0 and settled then
    redis.call('HSET', hash, 'h', text(now + hold))
    keep(hash, hold)
    answer(2, hold, 1, 0)
  else
    answer(2, wait, 0, 0)
  end
end

local function remove(hash, set, time, units, pending)
  redis.call('HINCRBY', hash, 'n', text(0 - units))
  redis.call('HINCRBY', hash, 'p', text(0 - pending))
  redis.call('HDEL', hash, 'u' .. time, 'q' .. time)
  redis.call('ZREM', set, time)
end

local function expire(hash, set, window)
  while true do
    local times = redis.call('ZRANGEBYSCORE', set, '-inf', text(now - window), 'LIMIT', 0, 64)
    for _, time in ipairs(times) do
      local event = redis.call('HMGET', hash, 'u' .. time, 'q' .. time)
      remove(hash, set, time, number(event[1]), number(event[2]))
    end
    if #times < 64 then return end
  end
end

-- How long until `missing` units have left the window; all of it where that never happens.
local function wait(hash, set, window, missing)
  local from, left = 0, 0
  while true do
    local times = redis.call('ZRANGE', set, from, from + 63)
    for _, time in ipairs(times) do
      left = left + number(redis.call('HGET', hash, 'u' .. time))
      if left >= missing then return tonumber(time) + window - now end
    end
    if #times < 64 then return window end
    from = from + 64
  end
end

local function take_window(hash, set, most, window, grain, units, hold, pending)
  expire(hash, set, window)
  local counts = redis.call('HMGET', hash, 'n', 'p')
  local used, unsettled = number(counts[1]), number(counts[2])
  if used + units > most then
    local missing = used + units - most
    return refuse(hash, wait(hash, set, window, missing), hold, used - unsettled + units > most)
  end
  local at = math.ceil(now / grain) * grain
  if units > 0 then
    local time = text(at)
    redis.call('HINCRBY', hash, 'n', text(units))
    redis.call('HINCRBY', hash, 'u' .. time, text(units))
    if pending == 1 then
      redis.call('HINCRBY', hash, 'p', text(units))
      redis.call('HINCRBY', hash, 'q' .. time, text(units))
    end
    redis.call('ZADD', set, time, time)
    keep(hash, at - now + window)
    keep(set, at - now + window)
  end
  local first = redis.call('ZRANGE', set, 0, 0)
  answer(1, at, most - used - units, first[1] and tonumber(first[1]) + window - now or 0)
end

local function take_pace(hash, tolerance, step, unit, hold)
  local micros = now * 1000
  local rest = math.max(number(redis.call('HGET', hash, 'r')), micros)
  local after = rest + step
  local over = after - micros - tolerance
  if over > 0 then return refuse(hash, math.ceil(over / 1000), hold, true) end
  redis.call('HSET', hash, 'r', text(after))
  keep(hash, math.ceil((after - micros) / 1000))
  answer(1, now, math.floor((tolerance - after + micros) / unit), math.ceil((after - micros) / 1000))
end

local function settle_window(hash, at, set, units, counts)
  local time = text(at)
  local event = redis.call('HMGET', hash, 'u' .. time, 'q' .. time)
  if not event[1] then return end
  local settled = math.min(units, number(event[2]))
  if settled > 0 then
    redis.call('HINCRBY', hash, 'p', text(0 - settled))
    redis.call('HINCRBY', hash, 'q' .. time, text(0 - settled))
  end
  if counts == 1 then return end
  local back = math.min(units, number(event[1]))
  if number(event[1]) == back then return remove(hash, set, time, back, number(event[2]) - settled) end
  redis.call('HINCRBY', hash, 'n', text(0 - back))
  redis.call('HINCRBY', hash, 'u' .. time, text(0 - back))
end

for index = 1, #KEYS / 2 do
  local hash, set = KEYS[2 * index - 1], KEYS[2 * index]
  local what, a, b, c, d, e, f
  do
    local at = 7 * index - 5
    what, a, b, c = tonumber(ARGV[at]), tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
    d, e, f = tonumber(ARGV[at + 4]), tonumber(ARGV[at + 5]), tonumber(ARGV[at + 6])
  end
  local held = 0
  if what ~= 3 and what ~= 4 then held = number(redis.call('HGET', hash, 'h')) - now end
  if what <= 2 and held > 0 then
    answer(2, held, 1, 0)
  elseif what == 1 then
    take_window(hash, set, a, b, c, d, e, f)
  elseif what == 2 then
    take_pace(hash, a, b, c, d)
  elseif what == 3 then
    settle_window(hash, a, set, b, c)
    answer(4, 0, 0, 0)
  elseif what == 4 then
    if b == 0 then
      local rest = number(redis.call('HGET', hash, 'r'))
      if rest > 0 then redis.call('HSET', hash, 'r', text(math.max(0, rest - a))) end
    end
    answer(4, 0, 0, 0)
  elseif what == 5 then
    if a > held then
      redis.call('HSET', hash, 'h', text(now + a))
      keep(hash, a)
    end
    answer(4, 0, 0, 0)
  else
    answer(3, held, 0, 0)
  end
end

return out
