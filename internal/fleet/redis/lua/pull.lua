-- ARGV: 1 how long a closed window is listed. Returns: id of the data, version, silences (id, milliseconds left, body), closed windows (hash, time, 1 for an
-- incident that ends).
local t, silences, closed = now(), {}, {}
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  local till, body = string.match(all[i + 1], '^(%d+):(.*)$')
  if num(till) > t then
    local n = #silences
    silences[n + 1], silences[n + 2], silences[n + 3] = all[i], num(till) - t, body
  end
end
all = redis.call('HGETALL', KEYS[2])
for i = 1, #all, 2 do
  local at, ends = string.match(all[i + 1], '^(%d+)(e?)$')
  if t - num(at) < num(ARGV[1]) then
    local n = #closed
    closed[n + 1], closed[n + 2], closed[n + 3] = all[i], num(at), ends == 'e' and 1 or 0
  end
end
return { redis.call('GET', KEYS[4]) or '', num(redis.call('GET', KEYS[3])), silences, closed }
