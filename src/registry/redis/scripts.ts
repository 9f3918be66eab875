/**
 * Keeps a registration and tells of it.
 * Keys: the registration, the index. Arguments: what is kept, for how long, its
 * member of the index, the channel, what is told.
 */
export const PUT = `
redis.call("SET", KEYS[1], ARGV[1], "PX", ARGV[2])
redis.call("SADD", KEYS[2], ARGV[3])
redis.call("PUBLISH", ARGV[4], ARGV[5])
return 1`;

/**
 * Keeps a registration for longer, if there is one; the index may have been lost.
 * Keys: the registration, the index. Arguments: for how long, its member.
 */
export const TOUCH = `
if redis.call("PEXPIRE", KEYS[1], ARGV[1]) == 0 then return 0 end
redis.call("SADD", KEYS[2], ARGV[2])
return 1`;

/**
 * Takes a registration out and tells of it, if there was one.
 * Keys: the registration, the index. Arguments: its member, the channel, what is told.
 */
export const REMOVE = `
redis.call("SREM", KEYS[2], ARGV[1])
if redis.call("DEL", KEYS[1]) == 0 then return 0 end
redis.call("PUBLISH", ARGV[2], ARGV[3])
return 1`;

/**
 * Takes a registration that has expired out of the index, unless it is back.
 * Keys: the registration, the index. Arguments: its member.
 */
export const FORGET = `
if redis.call("EXISTS", KEYS[1]) == 1 then return 0 end
return redis.call("SREM", KEYS[2], ARGV[1])`;
