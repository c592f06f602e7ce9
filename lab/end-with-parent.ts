import { spawn } from 'node:child_process'
import { Socket } from 'node:net'

/**
 * Ends process `pid` when this process is gone, however it went, `kill -9` included:
 * SIGTERM, and SIGKILL after `graceMs`. A process cannot do that itself, so a shell waits on a pipe
 * that closes with this process. It keeps nothing alive.
 * Returns what calls it off, to be called once `pid` has ended, lest its number means another process by then.
 */
export function endWithParent(pid: number, graceMs = 5_000): () => void {
  const watcher = spawn(
    'sh',
    ['-c', WATCH, 'quorate-watcher', String(pid), String(Math.ceil(graceMs / 1000))],
    {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    },
  )
  watcher.on('error', () => undefined)
  watcher.unref()
  // Left referenced, the pipe would keep this process from ending.
  if (watcher.stdin instanceof Socket) watcher.stdin.unref()
  return () => {
    watcher.kill('SIGKILL')
    watcher.stdin.destroy()
  }
}

/** `read` is built into the shell, so there is nothing else to end when this is called off. */
const WATCH =
  'read -r _; kill -TERM "$1" || exit 0; n=0; while [ "$n" -lt "$2" ]; do sleep 1; kill -0 "$1" || exit 0; n=$((n+1)); done; kill -KILL "$1"'
