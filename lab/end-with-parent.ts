import { spawn } from 'node:child_process'
import { Socket } from 'node:net'

/**
 * Ends process `pid` when this process is gone, however it went, `kill -9` included:
 * SIGTERM, and SIGKILL after `graceMs`. It keeps nothing alive.
 * Returns what calls it off, to be called once `pid` has ended, lest its number means another process by then.
 */
export function endWithParent(pid: number, graceMs = 5_000): () => void {
  return whenGone(END, [String(pid), String(Math.ceil(graceMs / 1000))])
}

/**
 * Runs a shell script with `words` when this process is gone. A process cannot do that itself, so the shell waits
 * on a pipe that closes with this process; `read` is built into it, so there is nothing else to end when this is
 * called off. Returns what calls it off.
 */
export function whenGone(script: string, words: readonly string[]): () => void {
  const watcher = spawn('sh', ['-c', `read -r _; ${script}`, 'quorate-watcher', ...words], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  watcher.on('error', () => undefined)
  watcher.unref()
  // Left referenced, the pipe would keep this process from ending.
  if (watcher.stdin instanceof Socket) watcher.stdin.unref()
  return () => {
    watcher.kill('SIGKILL')
    watcher.stdin.destroy()
  }
}

const END =
  'kill -TERM "$1" || exit 0; n=0; while [ "$n" -lt "$2" ]; do sleep 1; kill -0 "$1" || exit 0; n=$((n+1)); done; kill -KILL "$1"'
