#!/usr/bin/env bash
# Builds everything and runs every test project, one after another (timing tests share the machine with nothing else).
# Usage: ./test.sh [--long] [--no-install]
#   --long        also the tests that take minutes (ATOLL_LONG=1)
#   --no-install  leave the machine as it is; tests that lack something skip with a reason
# The last line is "N passed, N failed, N skipped"; the exit code is 0 only when none failed and some passed.
set -u -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")" || exit 1

export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 TESTINGPLATFORM_TELEMETRY_OPTOUT=1
export ATOLL_PEER="${ATOLL_PEER:-/opt/peer}"
install=1
for arg in "$@"; do
  case "$arg" in
    --long) export ATOLL_LONG=1 ;;
    --no-install) install=0 ;;
    *) echo "unknown argument '$arg': ./test.sh [--long] [--no-install]" >&2; exit 2 ;;
  esac
done

# What some tests compare with or ask by: ONNX's own test data, a browser, curl, ONNX Runtime, and another gRPC client.
# Best effort: without them tests skip.
install_peers() {
  [ "$install" = 1 ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 0
  local wanted=()
  dpkg -s libonnx-testdata >/dev/null 2>&1 || wanted+=(libonnx-testdata)
  command -v chromium >/dev/null || wanted+=(chromium)
  command -v curl >/dev/null || wanted+=(curl)
  command -v node >/dev/null || wanted+=(nodejs)
  command -v npm >/dev/null || wanted+=(npm)
  if [ "${#wanted[@]}" -gt 0 ]; then
    echo "installing ${wanted[*]}"
    export DEBIAN_FRONTEND=noninteractive
    timeout 300 apt-get update -q </dev/null >/dev/null || echo "apt-get update failed"
    for package in "${wanted[@]}"; do
      timeout 600 apt-get install -y -q --no-install-recommends "$package" </dev/null >/dev/null ||
        echo "could not install $package: tests that need it skip"
    done
  fi
  command -v npm >/dev/null || return 0
  local peer
  for peer in onnxruntime-node@1.30.0 @grpc/grpc-js@1.14.7 @grpc/proto-loader@0.8.1; do
    [ ! -d "$ATOLL_PEER/node_modules/${peer%@*}" ] || continue
    echo "installing $peer into $ATOLL_PEER"
    mkdir -p "$ATOLL_PEER" &&
      timeout 600 npm install --prefix "$ATOLL_PEER" --ignore-scripts --no-audit --no-fund --silent \
        "$peer" </dev/null ||
      echo "could not install $peer: tests that need it skip"
  done
}

fail() {
  echo "$1: counted as one failure"
  failures+=("$1")
}

# Prints one attribute of the <assembly> element of an xunit report, 0 when absent.
attribute() {
  local value
  value=$(grep -o "<assembly [^>]*" "$1" | head -n 1 | grep -o " $2=\"[0-9]*\"" | grep -o '[0-9]*')
  echo "${value:-0}"
}

passed=0 failed=0 skipped=0
failures=() # told again at the end, where whoever sees only the last lines looks
run_project() {
  local name=$1 report=$results/$1.xml log=$results/$1.log code line
  echo "== $name"
  rm -f "$report"
  timeout --kill-after=10 "$limit" "artifacts/bin/$name/release/$name" --report-xunit \
    --report-xunit-filename "$name.xml" --results-directory "$results" --no-progress --no-ansi \
    --long-running 60 --xunit-diagnostics on </dev/null | grep -v '^skipped ' | tee "$log"
  code=${PIPESTATUS[0]}
  if [ ! -s "$report" ]; then
    fail "$name ended with exit code $code and left no report (limit $limit s, setting ATOLL_TEST_LIMIT)"
    failed=$((failed + 1))
    while read -r line; do failures+=("$line"); done < <(grep '^.Long Running Test' "$log" | tail -n 4)
    return
  fi
  while read -r line; do failures+=("$line"); done < <(grep -A 4 '^failed ' "$log")
  local bad=$(($(attribute "$report" failed) + $(attribute "$report" errors)))
  if [ "$code" != 0 ] && [ "$bad" = 0 ]; then
    fail "$name ended with exit code $code though no test failed"
    bad=1
  fi
  passed=$((passed + $(attribute "$report" passed)))
  failed=$((failed + bad))
  skipped=$((skipped + $(attribute "$report" skipped)))
}

report_and_exit() {
  cat "$results"/*.xml 2>/dev/null | sed 's|</reason>|&\n|g' | grep -o '<reason>.*</reason>' |
    sed -e 's/<!\[CDATA\[//' -e 's/\]\]>//' -e 's/<[^>]*>//g' | sort | uniq -c |
    while read -r count reason; do echo "skipped $count: $reason"; done
  [ "${#failures[@]}" = 0 ] || printf 'not passed: %s\n' "${failures[@]}"
  echo "$passed passed, $failed failed, $skipped skipped"
  [ "$failed" = 0 ] && [ "$passed" -gt 0 ]
  exit
}

results=$PWD/artifacts/test-results
# A suite that takes this many seconds hangs.
limit=${ATOLL_TEST_LIMIT:-$([ -n "${ATOLL_LONG:-}" ] && echo 3600 || echo 600)}
rm -rf "$results"
mkdir -p "$results"
install_peers

if ! dotnet build Atoll.slnx -c Release -v q -clp:NoSummary </dev/null; then
  fail "the build failed"
  failed=1
  report_and_exit
fi

for project in tests/*.Tests/; do
  run_project "$(basename "$project")"
done

echo "== packages"
if dotnet pack Atoll.slnx -c Release --no-build -v q -clp:NoSummary </dev/null; then
  passed=$((passed + 1))
else
  fail "packing the libraries failed or warned"
  failed=$((failed + 1))
fi
report_and_exit
