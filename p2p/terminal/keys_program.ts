/**
 * The program that creates and changes the keys of a network, and creates tokens: commands, options, files and
 * output. It never prints a key or a token.
 *
 * @module
 */
import { type OptionValues, print, type Program, runProgram, UsageError } from "@netlab/terminal";
import { invalidNetworkReason, normalizeName, quote, userNameFault } from "@netlab/protocol";
import { type Role, ROLES } from "../core/connection/grant.ts";
import {
  createSecretFile,
  readFile,
  readSecretFile,
  replaceSecretFile,
  SecretFileError,
} from "../files/secret_file.ts";
import {
  type Algorithm,
  ALGORITHMS,
  type JsonKeySet,
  parseKeySet,
} from "../server/tokens/key_set.ts";
import { SERVER_KEY, SERVER_PUB, ServerKey, thumbprintIn } from "../server/tokens/server_key.ts";
import {
  addKey,
  createKeys,
  createToken,
  publicKeys,
  removeKey,
} from "../server/tokens/token_issuer.ts";

const KEYS = "data/keys.json";

const keysOption = {
  kind: "string",
  value: "FILE",
  default: KEYS,
  help: "The file with the keys for the servers. Private keys are beside it, in FILE with " +
    ".private.json at the end. The task permits files below ./data.",
} as const;

const createOptions = {
  network: { kind: "string", value: "NAME", help: "The name of the network." },
  algorithm: {
    kind: "string",
    value: ALGORITHMS.join("|"),
    default: "HS256",
    help:
      "HS256: one shared key, in the file of every server; for small teams. EdDSA or ES256: a " +
      "pair; the servers get the public key, and only the file with the private one makes tokens.",
  },
  keys: keysOption,
} as const;

const tokenOptions = {
  role: {
    kind: "string",
    value: ROLES.join("|"),
    help: "What its holder may do. An observer lists users and servers, and measures time.",
  },
  name: {
    kind: "string",
    value: "NAME",
    help: "The user's name on the network, or what the server or the observer is called.",
  },
  days: {
    kind: "integer",
    min: 1,
    max: 3_650,
    default: 30,
    help: "For how many days it is valid.",
  },
  network: {
    kind: "string",
    value: "NAME",
    help: "The name of the network. Default: the one in the file with the keys.",
  },
  out: {
    kind: "string",
    value: "FILE",
    help: "The file for the token, which must not exist. Default: data/NAME.token.",
  },
  "server-key": {
    kind: "string",
    value: "FILE",
    help: "For the role server: the file with the public key of the only server that may use the " +
      "token (server.pub in its data folder). Default: whoever has the token may use it.",
  },
  keys: keysOption,
} as const;

const removeOptions = {
  key: { kind: "string", value: "ID", help: 'The id of the key: its "kid".' },
  keys: keysOption,
} as const;

const serverOptions = {
  data: {
    kind: "string",
    value: "DIR",
    help:
      "The data folder of the server. It is created if there is none. The task permits folders " +
      "below ./data.",
  },
} as const;

const SUMMARY = {
  create: "Creates the keys of a network. Never overwrites a file.",
  token: "Creates a token: a file that admits its holder to the network until it expires.",
  server:
    "Creates the key of a server in its data folder, if there is none, as its first start with " +
    "--keys and --data does. A token can be bound to it.",
  rotate:
    "Adds a key, which signs tokens from now on. Those of the older keys stay valid. Servers " +
    "read the file again within two seconds; copy it to those on other machines.",
  remove:
    "Removes a key. Tokens that it has signed are not valid any more, and servers close their " +
    "connections within seconds.",
};

/** Runs the command that the first argument names, and ends the process. */
export async function runKeysProgram(version: string): Promise<never> {
  const [command = "", ...args] = Deno.args;
  const describe = <O extends Program["options"]>(
    name: keyof typeof SUMMARY,
    options: O,
    example: string,
    what: string,
  ) => ({
    name: `netlab keys ${name}`,
    summary: SUMMARY[name],
    version,
    usage: `deno task keys ${name} [options]`,
    options,
    examples: [{ command: `deno task keys ${name} ${example}`.trim(), what }],
  });
  if (command === "create") {
    const what = "Create a shared key in data/keys.json";
    await runProgram(describe("create", createOptions, "--network office", what), create, args);
  }
  if (command === "token") {
    const example = "--role user --name Alice --days 30";
    const what = "Create a token for Alice in data/Alice.token";
    await runProgram(describe("token", tokenOptions, example, what), token, args);
  }
  if (command === "server") {
    const what = "Create data/one/server.key, and data/one/server.pub for the token";
    await runProgram(describe("server", serverOptions, "--data data/one", what), server, args);
  }
  if (command === "rotate") {
    const what = "Add a key to data/keys.json";
    await runProgram(describe("rotate", { keys: keysOption }, "", what), rotate, args);
  }
  if (command === "remove") {
    const what = "Remove a key from data/keys.json";
    await runProgram(describe("remove", removeOptions, "--key 7f9c0a11b2d3", what), remove, args);
  }
  const isOption = command.startsWith("-");
  return await runProgram(
    {
      name: "netlab keys",
      summary:
        "Creates the keys of a network, and tokens for its users and servers. Each command " +
        "has its own --help.",
      version,
      usage: "deno task keys COMMAND [options]",
      options: {},
      examples: [
        { command: "deno task keys create --network office", what: "Create a key" },
        {
          command: "deno task keys token --role server --name one",
          what: "Create a token for a server",
        },
        {
          command: "deno task keys server --data data/one",
          what: "Create the key of a server",
        },
        {
          command: "deno task keys token --role server --name one --server-key data/one/server.pub",
          what: "Create a token that only the server with that key can use",
        },
        {
          command: "deno task keys token --role user --name Alice --days 30",
          what: "Create a token for a user",
        },
        {
          command: "deno task keys token --role user --name Alice --out data/Alice.next",
          what: "Create another token for that user, in a file of its own",
        },
        { command: "deno task keys rotate", what: "Add a key for new tokens" },
        {
          command: "deno task keys remove --key 7f9c0a11b2d3",
          what: "Remove a key, and so all its tokens",
        },
      ],
    },
    () => {
      const commands = "create, token, server, rotate or remove";
      throw new UsageError(
        command === ""
          ? `Name a command: ${commands}`
          : `Unknown command ${quote(command)}: it must be ${commands}`,
      );
    },
    isOption ? Deno.args : [],
  );
}

async function create(
  { network, algorithm, keys }: OptionValues<typeof createOptions>,
): Promise<void> {
  if (network === undefined) throw new UsageError("Option --network NAME is required");
  checkNetwork(network);
  const chosen = ALGORITHMS.find((each): each is Algorithm => each === algorithm);
  if (!chosen) {
    throw new UsageError(
      `Option --algorithm: ${quote(algorithm)} is none of ${ALGORITHMS.join(", ")}`,
    );
  }
  const set = await createKeys(network, chosen);
  const secret = privatePath(keys);
  // Neither kind may take the place of the other.
  for (const path of [keys, secret]) {
    if (isPresent(path)) {
      throw new SecretFileError(`Cannot create ${path}: it exists; name another file with --keys`);
    }
  }
  if (chosen === "HS256") {
    createSecretFile(keys, toText(set));
    print(
      `${keys} has the key of the network ${network}: give it to the servers, and keep it secret`,
    );
  } else {
    createSecretFile(secret, toText(set));
    createSecretFile(keys, toText(publicKeys(set)));
    print(`${keys} has the public key of the network ${network}: give it to the servers`);
    print(`${secret} has the private key: keep it secret; only "keys token" needs it`);
  }
}

async function token(
  { role, name, days, network, out, keys, ...rest }: OptionValues<typeof tokenOptions>,
): Promise<void> {
  const known = ROLES.find((each): each is Role => each === role);
  if (!known) {
    throw new UsageError(
      role === undefined
        ? `Option --role ${ROLES.join("|")} is required`
        : `Option --role: ${quote(role)} is none of ${ROLES.join(", ")}`,
    );
  }
  if (name === undefined) throw new UsageError("Option --name NAME is required");
  const why = known === "user" ? userNameFault(normalizeName(name)) : undefined;
  if (why !== undefined) throw new UsageError(`Option --name: a name cannot be used when ${why}`);
  if (network !== undefined) checkNetwork(network);
  const serverKeyFile = rest["server-key"];
  if (serverKeyFile !== undefined && known !== "server") {
    throw new UsageError("Option --server-key is for --role server");
  }
  const serverKey = serverKeyFile === undefined ? undefined : readServerPub(serverKeyFile);
  const { set } = readSigning(keys);
  if (network === undefined && set.network === undefined) {
    throw new UsageError(`Option --network NAME is required: ${keys} does not state it`);
  }
  const made = await createToken(set, {
    role: known,
    name,
    days,
    ...network !== undefined && { network },
    ...serverKey !== undefined && { serverKey },
  });
  const path = out ?? `data/${fileName(name)}.token`;
  createSecretFile(path, `${made.token}\n`);
  const until = made.expiresAt.toISOString().slice(0, 10);
  print(`${path} has a token for the ${known} ${name}, valid until ${until}`);
  print(`To revoke it, add the line "jti ${made.id}" to the file of --revoked`);
}

function server({ data }: OptionValues<typeof serverOptions>): Promise<void> {
  if (data === undefined) throw new UsageError("Option --data DIR is required");
  ServerKey.open(data);
  print(`${data}/${SERVER_KEY} has the key of the server: keep it secret`);
  print(`To bind a token to it, use --server-key ${data}/${SERVER_PUB}`);
  return Promise.resolve();
}

async function rotate({ keys }: OptionValues<{ keys: typeof keysOption }>): Promise<void> {
  const { set, path } = readSigning(keys);
  const next = await addKey(set);
  save(keys, path, next);
  print(`The key ${next.keys.at(-1)!.kid} signs new tokens; the older keys stay valid:`);
  for (const { kid } of set.keys) print(`  deno task keys remove --key ${kid}`);
}

function remove(
  { key, keys }: OptionValues<typeof removeOptions>,
): Promise<void> {
  if (key === undefined) throw new UsageError("Option --key ID is required");
  const { set, path } = readSigning(keys);
  save(keys, path, removeKey(set, key));
  print(`The key ${key} is removed: its tokens are not valid any more`);
  return Promise.resolve();
}

/** Reads the file with the keys that sign: the private ones, or the shared ones. */
function readSigning(keys: string): { set: JsonKeySet; path: string } {
  const secret = privatePath(keys);
  const path = isPresent(secret) ? secret : keys;
  const text = readSecretFile(path);
  try {
    return { set: parseKeySet(text), path };
  } catch (error) {
    throw new SecretFileError(`Cannot use the keys in ${path}: ${(error as Error).message}`);
  }
}

function readServerPub(path: string): string {
  const { text } = readFile(path);
  try {
    return thumbprintIn(text);
  } catch (error) {
    throw new SecretFileError(`Cannot use ${path}: ${(error as Error).message}`);
  }
}

function save(keys: string, path: string, set: JsonKeySet): void {
  replaceSecretFile(path, toText(set));
  if (path !== keys) replaceSecretFile(keys, toText(publicKeys(set)));
}

function checkNetwork(network: string): void {
  const why = invalidNetworkReason(network);
  if (why !== undefined) throw new UsageError(`Option --network: ${why}`);
}

function toText(set: JsonKeySet): string {
  const { network, keys } = set;
  return `${JSON.stringify({ network, keys }, undefined, 2)}\n`;
}

function privatePath(keys: string): string {
  return `${keys.replace(/\.json$/, "")}.private.json`;
}

/** A name as a file name. Names may contain slashes and dots. */
function fileName(name: string): string {
  return normalizeName(name).replaceAll(/[^\p{L}\p{M}\p{N}_-]/gu, "_");
}

function isPresent(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
