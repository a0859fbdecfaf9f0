/**
 * The server that the guard compares with: the one of a commit of this repository.
 *
 * @module
 */
import { ROOT } from "../peers/programs.ts";

/**
 * The commit. Move it forward after a change that makes the server faster, or that changes what users
 * send.
 */
export const BASELINE = "a78e1035ad28e4cbd7d3e2c09c893f8e1ebad93b";

/**
 * Writes the files of a commit to an empty folder.
 *
 * @returns Whether this clone has the commit, and the programs `git` and `tar` are installed.
 */
export async function checkOut(commit: string, folder: string): Promise<boolean> {
  const archive = `${folder}/files.tar`;
  return await succeeds("git", "-C", ROOT, "archive", "--output", archive, commit) &&
    await succeeds("tar", "-xf", archive, "-C", folder);
}

async function succeeds(program: string, ...args: string[]): Promise<boolean> {
  try {
    const command = new Deno.Command(program, { args, stdin: "null", stderr: "null" });
    return (await command.output()).success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
