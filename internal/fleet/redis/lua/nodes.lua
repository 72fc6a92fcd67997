-- KEYS: 1 the descriptions of runs, 2 sets of triggers, 3 the id of the data.
-- Returns: id of the data, the server's time, runs and their descriptions, sets of triggers.
return { redis.call('GET', KEYS[3]) or '', now(), redis.call('HGETALL', KEYS[1]), redis.call('HGETALL', KEYS[2]) }
