#!/bin/sh
# Makes this installation's secrets, once, as root: each volume holds what one service needs. MASTER_KEYS is taken from the environment
# where an installation has them already. Read by the user of API and worker: by the group, which no pipeline has.
set -eu
root=${SECRETS_ROOT:-/secrets}
group=${SECRETS_GROUP:-1000}
umask 077

random() { node -p "require('node:crypto').randomBytes($1).toString('$2')"; }

# write <file> <mode> <group>: takes the text from its standard input; what is there stays.
write() {
  if [ -s "$1" ]; then cat > /dev/null; return; fi
  cat > "$1.new"
  chgrp "$3" "$1.new"
  chmod "$2" "$1.new"
  mv "$1.new" "$1"
}

mkdir -p "$root/postgres" "$root/redis" "$root/manycast"
chgrp "$group" "$root/manycast"
chmod 750 "$root/manycast"
# Their own servers read these, under their own users, in containers that nobody else is in.
chmod 755 "$root/postgres" "$root/redis"

random 24 hex | write "$root/postgres/password" 400 0
printf 'requirepass %s\nappendonly yes\nmaxmemory-policy noeviction\n' "$(random 24 hex)" | write "$root/redis/redis.conf" 444 0
printf 'postgresql://manycast:%s@127.0.0.1:5432/manycast\n' "$(cat "$root/postgres/password")" | write "$root/manycast/database_url" 440 "$group"
printf 'redis://:%s@127.0.0.1:6379\n' "$(sed -n 's/^requirepass //p' "$root/redis/redis.conf")" | write "$root/manycast/redis_url" 440 "$group"
printf '%s\n' "${MASTER_KEYS:-k1:$(random 32 base64)}" | write "$root/manycast/master_keys" 440 "$group"
echo "The secrets are in place."
