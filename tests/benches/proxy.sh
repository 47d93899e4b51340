#!/usr/bin/env bash
# CPU per proxied request: shieldd beside nginx and haproxy, on this machine, in one run, medians of several rounds, each with new
# processes that have served for a second. What is relative to nginx is so within each round, before the median is taken, since a
# machine's neighbours change from round to round.
#
#   tests/benches/proxy.sh [--json] [--rounds N] [--seconds N] [--plain] [--idle]
#
# shieldd is built as it is shipped, by release.sh, which takes some twenty minutes the first time; with --plain, as cargo alone builds it.
# Each proxy has one worker, pinned to core 0; the origin (another nginx) and the load (wrk) share core 1. Requests per second
# depend on what else runs there; user and system time of the proxy's process per request does not.
# --idle measures memory at 10,000 idle connections instead; --train SHIELDD measures nothing, but gives that one work of all kinds.
set -euo pipefail

json=no rounds=9 seconds=2 idle=no plain=no train=
while [ $# -gt 0 ]; do
    case $1 in
        --json) json=yes ;;
        --rounds) rounds=$2; shift ;;
        --seconds) seconds=$2; shift ;;
        --plain) plain=yes ;;
        --idle) idle=yes ;;
        --train) train=$2; shift ;;
        *) echo "usage: $0 [--json] [--rounds N] [--seconds N] [--plain] [--idle]" >&2; exit 2 ;;
    esac
    shift
done

root=$(cd "$(dirname "$0")/../.." && pwd)
for tool in nginx haproxy wrk h2load openssl; do
    command -v $tool >/dev/null || missing="${missing:-} $tool"
done
if [ -n "${missing:-}" ]; then
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nginx-light haproxy wrk nghttp2-client openssl
fi
target=${CARGO_TARGET_DIR:-$root/target}
build() { (cd "$root" && cargo build --release --quiet --locked --bin "$1"); }
build shieldc
if [ -n "$train" ]; then
    shieldd=$train
elif [ $plain = no ] && "$root/tests/benches/release.sh" >&2; then
    shieldd=$target/trained/release/shieldd
else
    [ $plain = yes ] || echo "shieldd is measured as cargo alone builds it" >&2
    build shieldd
    shieldd=$target/release/shieldd
fi

work=$(mktemp -d)
pids=()
stop() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap stop EXIT
core1() { exec taskset -c "$([ "$(nproc)" -gt 1 ] && echo 1 || echo 0)" "$@"; }

cat > "$work/origin.conf" <<CONF
worker_processes 1; daemon off; master_process off; pid $work/origin.pid; error_log /dev/null crit;
events { worker_connections 20000; }
http { access_log off; keepalive_requests 100000000; client_body_temp_path $work/o1; proxy_temp_path $work/o2;
  fastcgi_temp_path $work/o3; uwsgi_temp_path $work/o4; scgi_temp_path $work/o5;
  server { listen 127.0.0.1:19000 backlog=4096; location / { return 200 "hello"; } } }
CONF
cat > "$work/nginx.conf" <<CONF
worker_processes 1; daemon off; master_process off; pid $work/nginx.pid; error_log /dev/null crit;
events { worker_connections 20000; }
http { access_log off; keepalive_requests 100000000; client_body_temp_path $work/n1; proxy_temp_path $work/n2;
  fastcgi_temp_path $work/n3; uwsgi_temp_path $work/n4; scgi_temp_path $work/n5;
  upstream o { server 127.0.0.1:19000; keepalive 256; keepalive_requests 100000000; }
  server { listen 127.0.0.1:19001 backlog=4096;
    location / { proxy_pass http://o; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host \$host; } } }
CONF
cat > "$work/haproxy.cfg" <<CONF
global
  nbthread 1
  maxconn 2000
defaults
  mode http
  timeout connect 3s
  timeout client 30s
  timeout server 30s
  http-reuse always
frontend f
  bind 127.0.0.1:19002 backlog 4096
  default_backend b
backend b
  server o 127.0.0.1:19000
CONF

# A policy that protects nothing, and one with a thousand rules and a schema.
mkdir "$work/none" "$work/full"
cat > "$work/none/policy.shield" <<'POLICY'
api shop { host "127.0.0.1" upstream "http://127.0.0.1:19000" requests off unknown off }
POLICY
{
    echo 'api shop { openapi "orders.json" host "127.0.0.1" upstream "http://127.0.0.1:19000" requests block unknown block 404 }'
    for n in $(seq 1 250); do
        echo "rule path-$n { when http.request.uri.path eq \"/closed/$n\" then block 403 }"
        echo "rule agent-$n { when http.user_agent contains \"bad-bot-$n/\" then block 403 }"
        echo "rule net-$n { when ip.src in { 198.18.$n.0/24 } and http.request.method eq \"POST\" then block 403 }"
        echo "rule query-$n { when http.request.uri.query contains \"attack$n=\" then block 403 }"
    done
} > "$work/full/policy.shield"
cat > "$work/full/orders.json" <<'OPENAPI'
{"openapi":"3.1.0","info":{"title":"orders","version":"1"},"paths":{
 "/":{"get":{"responses":{"200":{"description":"ok"}}}},
 "/orders":{"post":{"requestBody":{"required":true,"content":{"application/json":{"schema":{"type":"object","required":["id","customer","items"],
  "additionalProperties":false,"properties":{"id":{"type":"integer","minimum":1},"note":{"type":"string","maxLength":200},
  "customer":{"type":"object","required":["name","email"],"properties":{"name":{"type":"string","maxLength":80},"email":{"type":"string","format":"email"}}},
  "items":{"type":"array","minItems":1,"maxItems":50,"items":{"type":"object","required":["sku","quantity","price"],"additionalProperties":false,
   "properties":{"sku":{"type":"string","pattern":"^[A-Z]{3}-[0-9]{4}$"},"quantity":{"type":"integer","minimum":1,"maximum":999},"price":{"type":"number","minimum":0}}}}}}}}},
  "responses":{"200":{"description":"ok"}}}}}}
OPENAPI
body=$(python3 - <<'PY'
import json
items=[{"sku":"ABC-%04d"%n,"quantity":n+1,"price":9.5+n} for n in range(18)]
print(json.dumps({"id":7,"note":"n","customer":{"name":"Jane Roe","email":"jane@example.com"},"items":items}),end="")
PY
)
printf 'wrk.method="POST"\nwrk.path="/orders"\nwrk.headers["content-type"]="application/json"\nwrk.body=[[%s]]\n' "$body" > "$work/post.lua"
printf 'done = function(s, l, r) io.write(string.format("RESULT %%d %%d %%d\\n", s.requests, l:percentile(99), s.errors.status + s.errors.read + s.errors.write + s.errors.timeout + s.errors.connect)) end\n' > "$work/done.lua"
cat "$work/done.lua" >> "$work/post.lua"
for policy in none full; do "$target/release/shieldc" build "$work/$policy" -o "$work/$policy.shieldb" >/dev/null; done

start() { "$@" >"$work/log.$$.${#pids[@]}" 2>&1 & pids+=($!); last=$!; }
start core1 nginx -c "$work/origin.conf" -e /dev/null
[ -z "$train" ] || openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=127.0.0.1 -days 2 \
    -keyout "$work/key.pem" -out "$work/chain.pem" 2>/dev/null
shieldd() { # policy, ports
    local encrypted=()
    [ -z "$train" ] || encrypted=(--listen-tls "127.0.0.1:$3" --certificate "$work/chain.pem,$work/key.pem")
    start taskset -c 0 "$shieldd" run --workers 1 --watch off --admin off --bundle "$work/$1.shieldb" --listen "127.0.0.1:$2" ${encrypted[@]+"${encrypted[@]}"}
}
# User and system time of a process, in ticks.
ticks() { awk '{ print $14 + $15 }' "/proc/$1/stat"; }
# Starts all proxies, and waits until each listens and has made what code it makes.
begin() {
    start taskset -c 0 nginx -c "$work/nginx.conf" -e /dev/null; nginx=$last
    start taskset -c 0 haproxy -f "$work/haproxy.cfg"; haproxy=$last
    shieldd none 19003 19005; none=$last
    shieldd full 19004 19006; full=$last
    local port before
    for port in 19000 19001 19002 19003 19004; do
        for _ in $(seq 100); do (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && continue 2; sleep 0.1; done
        echo "nothing listens at $port:" >&2
        cat "$work"/log.* >&2
        exit 1
    done
    until before=$(ticks "$full"); sleep 0.5; [ "$(ticks "$full")" = "$before" ]; do :; done
}
# Ends them; the origin stays.
end() {
    kill "${pids[@]:1}"
    wait "${pids[@]:1}" || true
    pids=("${pids[0]}")
}
begin

if [ -n "$train" ]; then
    printf '%s' "$body" > "$work/body.json"
    printf 'request = function() return wrk.format("GET", "/closed/7?attack9=1", { ["user-agent"] = "bad-bot-3/1" }) end\n' > "$work/closed.lua"
    for base in http://127.0.0.1:1900{3,4} https://127.0.0.1:1900{5,6}; do
        for script in done post closed; do (core1 wrk -t1 -c64 -d2s -s "$work/$script.lua" "$base/"); done
        (core1 h2load -c16 -m8 -D2 "$base/")
        (core1 h2load -c16 -m8 -D2 -d "$work/body.json" -H 'content-type: application/json' "$base/orders")
    done >/dev/null
    exit
fi
if [ "$idle" = yes ]; then
    python3 - "$none" <<'PY'
import resource, socket, sys, time
resource.setrlimit(resource.RLIMIT_NOFILE, (20000, 20000))
rss = lambda: int(next(l for l in open(f"/proc/{sys.argv[1]}/status") if l.startswith("VmRSS")).split()[1]) / 1024
before, sockets = rss(), []
for n in range(10000):
    s = socket.create_connection(("127.0.0.1", 19003), 10)
    s.sendall(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
    s.recv(4096)
    sockets.append(s)
time.sleep(1)
print('{"proxy":"shieldd","idle_connections":%d,"rss_mib_before":%.1f,"rss_mib":%.1f}' % (len(sockets), before, rss()))
PY
    exit
fi

measure() { # load name policy pid port
    local script="$work/done.lua" before after result
    [ "$1" = post ] && script="$work/post.lua"
    before=$(ticks "$4")
    result=$(core1 wrk -t1 -c64 -d"${seconds}s" --latency -s "$script" "http://127.0.0.1:$5/" | grep RESULT)
    after=$(ticks "$4")
    read -r _ requests p99 errors <<<"$result"
    echo "$2 $3 $1 $((after - before)) $requests $p99 $errors" >> "$work/results"
}
for round in $(seq "$rounds"); do
    # Two processes of the same program may differ by some per cent, for as long as they live.
    [ "$round" = 1 ] || { end; begin; }
    for port in 19001 19002 19003 19004; do (core1 wrk -t1 -c64 -d1s "http://127.0.0.1:$port/") >/dev/null; done
    proxies=("nginx none $nginx 19001" "haproxy none $haproxy 19002" "shieldd none $none 19003" "shieldd rules1000+schema $full 19004")
    for load in get post; do
        for at in 0 1 2 3; do
            # Each second round the other way round, so that nobody is always the first. The words of one are arguments.
            measure $load ${proxies[$((round % 2 ? at : 3 - at))]}
        done
    done
done
python3 - "$work/results" "$json" "$(getconf CLK_TCK)" <<'PY'
import json, statistics, sys
rows = {}
for line in open(sys.argv[1]):
    proxy, policy, load, ticks, requests, p99, errors = line.split()
    cpu = int(ticks) / int(sys.argv[3]) / int(requests) * 1e5
    rows.setdefault((proxy, policy, load), []).append((cpu, int(p99), int(errors), int(requests)))
for (proxy, policy, load), own in rows.items():
    nginx = rows["nginx", "none", load]
    median = lambda at: statistics.median(row[at] for row in own)
    ratio = lambda at: round(statistics.median(row[at] / beside[at] for row, beside in zip(own, nginx)), 3)
    out = {"proxy": proxy, "policy": policy, "load": load, "cpu_s_per_100k": round(median(0), 3), "vs_nginx": ratio(0),
           "p99_us": int(median(1)), "p99_vs_nginx": ratio(1), "errors": sum(row[2] for row in own)}
    if sys.argv[2] == "yes":
        print(json.dumps(out))
    else:
        print("{proxy:8} {policy:18} {load:5} {cpu_s_per_100k:7.3f} s/100k  {vs_nginx:5.2f}x nginx  p99 {p99_us:6} us ({p99_vs_nginx:4.2f}x)  errors {errors}".format(**out))
PY
