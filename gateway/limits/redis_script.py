"""The script that decides on Redis: one call for all requests that wait, each with all its limits.

It does the sums of `gateway.limits.algorithms` in microseconds of Redis' own clock, so replicas need not agree on the
time. KEYS are the keys of all limits in turn. The only argument is text, which is quicker to send than many: for each
request the number of its limits, and for each of these its algorithm, limit and window. The answer has for each limit
1 or 0 (whether it lets the request pass), how many more would pass, and the milliseconds to wait. A request counts
only where all its limits let it pass. Who asks often is in one call often: each key is read and written once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from gateway.limits.settings import RateLimit


class Question(NamedTuple):
    """The keys of one request, and the limits of its route as the script reads them."""

    keys: list[bytes]
    limits: bytes


def described(limits: Iterable[RateLimit]) -> bytes:
    """Limits as the script reads them."""
    chosen = tuple(limits)
    words = (f"{limit.algorithm} {limit.limit} {limit.window_secs}" for limit in chosen)
    return " ".join((str(len(chosen)), *words)).encode()


SCRIPT = """
local function token_bucket(state, now, limit, window)
  local rate, tokens = limit / window, limit
  local had, at = string.match(state or '', '^(%S+) (%S+)$')
  if had then tokens = math.min(limit, tonumber(had) + math.max(0, now - tonumber(at)) * rate) end
  if tokens < 1 - 1e-6 then return nil, 0, (1 - tokens) / rate, 0 end
  tokens = math.max(0, tokens - 1)
  local left, full = math.floor(tokens + 1e-6), (limit - tokens) / rate
  local wait = full
  if left == 0 then wait = (1 - tokens) / rate end
  return string.format('%.17g %.0f', tokens, now), left, wait, full
end

local function fixed_window(state, now, limit, window)
  local number = math.floor(now / window)
  local of, count = string.match(state or '', '^(%S+) (%S+)$')
  count = tonumber(of) == number and tonumber(count) or 0
  local wait = (number + 1) * window - now
  if count >= limit then return nil, 0, wait, 0 end
  return string.format('%.0f %.0f', number, count + 1), limit - count - 1, wait, wait
end

local function until_next(current, before, elapsed, limit, window)
  if current < limit then
    local share = before > 0 and (limit - 1 - current) / before or 1
    return math.max(0, window * (1 - share) - elapsed)
  end
  return window - elapsed + window * (1 - (limit - 1) / current)
end

local function sliding_window(state, now, limit, window)
  local number = math.floor(now / window)
  local of, current, before = string.match(state or '', '^(%S+) (%S+) (%S+)$')
  of, current, before = tonumber(of), tonumber(current), tonumber(before)
  if of == number - 1 then current, before = 0, current elseif of ~= number then current, before = 0, 0 end
  local elapsed = now - number * window
  local used = before * (1 - elapsed / window) + current
  if used + 1 > limit + 1e-6 then return nil, 0, until_next(current, before, elapsed, limit, window), 0 end
  local left, keep = math.floor(limit + 1e-6 - used - 1), 2 * window - elapsed
  local wait = keep
  if left == 0 then wait = until_next(current + 1, before, elapsed, limit, window) end
  return string.format('%.0f %.0f %.0f', number, current + 1, before), left, wait, keep
end

local algorithms = {token_bucket = token_bucket, fixed_window = fixed_window, sliding_window = sliding_window}
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local states, changed = {}, {}
local answer, key, word = {}, 1, string.gmatch(ARGV[1], '%S+')

for limits in word do
  local passes, kept = true, {}
  for _ = 1, tonumber(limits) do
    local algorithm, limit, window = algorithms[word()], tonumber(word()), tonumber(word()) * 1000000
    local name = KEYS[key]
    local known = states[name] or redis.call('GET', name) or nil
    local state, left, wait, keep = algorithm(known, now, limit, window)
    if not state then passes = false end
    kept[#kept + 1] = {name, state, math.ceil(keep / 1000)}
    answer[#answer + 1] = state and 1 or 0
    answer[#answer + 1] = left
    answer[#answer + 1] = math.ceil(wait / 1000)
    key = key + 1
  end
  if passes then
    for _, one in ipairs(kept) do
      states[one[1]] = one[2]
      changed[one[1]] = one
    end
  end
end
for name, one in pairs(changed) do redis.call('SET', name, one[2], 'PX', math.max(1, one[3])) end
return answer
"""
