/**
 * The options of client programs for a token. Owns where the token comes from: a file, which is read again for every
 * connection, or the environment. It is never an argument, because others can see those.
 *
 * @module
 */
import type { Options } from "@netlab/terminal";
import type { TokenSource } from "../client.ts";
import { readSecretFile, SecretFileError } from "../files/secret_file.ts";

/** The variable of the environment that may contain a token. */
const VARIABLE = "NETLAB_TOKEN";

/** The options. */
export const tokenOptions = {
  "token-file": {
    kind: "string",
    value: "FILE",
    help: "The file with your token, for a network with keys. It is read again for every " +
      "connection. The tasks permit files below ./data. Default: the token in the variable " +
      `${VARIABLE}, or none.`,
  },
  "insecure-token": {
    kind: "flag",
    help:
      "Send the token to other machines although the connection is not encrypted. Whoever can " +
      "read it on the way can use it.",
  },
} as const satisfies Options;

/** Returns the token that the options or the environment provide; `undefined` without one. */
export function tokenOf(file: string | undefined): TokenSource | undefined {
  const inherited = takeFromEnvironment();
  if (file === undefined) return inherited;
  return () => {
    const token = readSecretFile(file).trim();
    if (token === "") throw new SecretFileError(`Cannot use ${file}: it is empty`);
    return token;
  };
}

/** Returns the token in the environment, and removes it, so that the programs that this one starts do not get it. */
function takeFromEnvironment(): string | undefined {
  const permission = { name: "env", variable: VARIABLE } as const;
  if (Deno.permissions.querySync(permission).state !== "granted") return undefined;
  const token = Deno.env.get(VARIABLE);
  Deno.env.delete(VARIABLE);
  return token === "" ? undefined : token;
}
