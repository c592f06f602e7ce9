import { constants } from 'node:fs'
import { copyFile, rename, writeFile } from 'node:fs/promises'
import type { FormerFile, WorkerFiles } from './action.ts'

export const workerFiles: WorkerFiles = {
  async replace(file, text, former) {
    await keep(file, former)
    const next = `${file}.quorate-new`
    await writeFile(next, text)
    await rename(next, file)
  },
}

async function keep(file: string, { keepAs, first }: FormerFile): Promise<void> {
  try {
    await copyFile(file, keepAs, first === true ? constants.COPYFILE_EXCL : 0)
  } catch (error) {
    if (first !== true || !(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  }
}
