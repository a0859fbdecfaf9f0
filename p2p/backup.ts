/**
 * Backs up the messages that a server stores, and the program that does it. The server may run meanwhile.
 *
 * @module
 */
import { backup, DatabaseSync } from "node:sqlite";
import { ErrorCode, NetlabError } from "@netlab/protocol";
import config from "./deno.json" with { type: "json" };
import { reserveSecretFile, SECRET_FOLDER_MODE } from "./files/secret_file.ts";
import { readBatch } from "./server/store/batches/mod.ts";
import { explain } from "./server/store/data_folder.ts";
import { batchRows } from "./server/store/tables/batch_rows.ts";
import { NETWORK } from "./server/network_file.ts";
import { SERVER_KEY } from "./server/tokens/server_key.ts";
import { PROTECTED_NAMES } from "./server/protected_names_file.ts";

const DATABASE = "messages.db";

/** What a backup contains. */
export interface BackupResult {
  /** The number of messages. */
  messages: number;
  /** The size of the file: bytes. */
  bytes: number;
}

/**
 * Copies the messages, the network and the key of a data folder to another folder, which a server can use as its
 * data folder. The copy has everything that was accepted before the call. A server that uses the folder goes on; the
 * copy is made by SQLite in one transaction that only reads. If it fails, nothing of it stays.
 *
 * @param data The data folder.
 * @param to The folder for the copy. It is created if it does not exist.
 * @returns What the copy contains, after it was read back.
 * @throws {NetlabError} {@linkcode ErrorCode.StorageFailed} when `data` has no messages, `to` already has some, or
 *   the copy cannot be read or written.
 *
 * @example
 * ```ts ignore
 * import { backUp } from "@netlab/p2p/backup";
 *
 * await backUp("data/one", "data/one-monday"); // { messages: 1204, bytes: 3145728 }
 * ```
 */
export async function backUp(data: string, to: string): Promise<BackupResult> {
  const source = `${data}/${DATABASE}`;
  const target = `${to}/${DATABASE}`;
  if (!isFile(source)) {
    throw failed(data, `there is no ${source}; name the folder of --data`);
  }
  if (isFile(target)) throw failed(data, `${target} exists; choose another folder`);
  // A copy that is not complete has another name.
  const partial = `${target}.partial`;
  try {
    Deno.mkdirSync(to, { recursive: true, mode: SECRET_FOLDER_MODE });
    removePartial(partial);
    reserveSecretFile(partial);
    {
      using database = new DatabaseSync(source, { readOnly: true });
      await backup(database, partial, { rate: ALL_PAGES });
    }
    const messages = verify(partial);
    // A server that starts with the copy is in the network of the clients that still wait for it.
    for (const file of [NETWORK, PROTECTED_NAMES, SERVER_KEY]) {
      // A copy has the mode of its source, here 0600.
      if (isFile(`${data}/${file}`)) Deno.copyFileSync(`${data}/${file}`, `${to}/${file}`);
    }
    Deno.renameSync(partial, target);
    return { messages, bytes: Deno.statSync(target).size };
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    try {
      // The disk may be full.
      removePartial(partial);
    } catch {
      // The first error says why.
    }
    throw failed(data, explain(error), error);
  }
}

function removePartial(path: string): void {
  for (const suffix of ["", "-journal", "-wal", "-shm"]) {
    if (isFile(path + suffix)) Deno.removeSync(path + suffix);
  }
}

/** Copies in one step: otherwise SQLite would begin again at each message that the server stores meanwhile. */
const ALL_PAGES = 2 ** 31 - 1;

/** Reads a copy back, writes it to the disk, and counts its messages. */
function verify(path: string): number {
  let count = 0;
  {
    using database = new DatabaseSync(path);
    // All in one file.
    database.exec("PRAGMA journal_mode = DELETE");
    const { integrity_check: result } = database.prepare("PRAGMA integrity_check(1)").get()!;
    if (result !== "ok") throw new Error(`the copy is damaged: ${result}`);
    for (const { number, value, removed, isDamaged } of batchRows(database)) {
      const { damaged, messages } = readBatch(number, value, removed);
      if (damaged > 0 || isDamaged) throw new Error(`the copy is damaged: batch ${number}`);
      count += messages.length;
    }
  }
  using file = Deno.openSync(path, { write: true });
  file.syncSync();
  return count;
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return false;
    }
    throw error;
  }
}

function failed(data: string, why: string, cause?: unknown): NetlabError {
  return new NetlabError(ErrorCode.StorageFailed, `Cannot back up ${data}: ${why}`, { cause });
}

if (import.meta.main) {
  const { runBackupProgram } = await import("./terminal/backup_program.ts");
  await runBackupProgram(config.version, backUp);
}
