/**
 * Says for every command in the documentation how it is tested, or why it is not. A command that no rule
 * matches fails the tests: add a rule here.
 *
 * @module
 */

/** How commands are tested. */
export type Rule =
  & { readonly matches: RegExp }
  & (
    /** It ends with exit code 0, once the commands in `after` show their lines on the same machine. */
    | { readonly ends: true; readonly after?: readonly [command: string, shows: RegExp][] }
    /** It shows a line, once those in `after` have. It does not end by itself. */
    | { readonly shows: RegExp; readonly after?: readonly [command: string, shows: RegExp][] }
    /** Its block runs on several machines: see `machines.ts`. */
    | { readonly machines: true }
    /** It is not run. Only its options are checked. */
    | { readonly because: string }
  );

const LISTENS = /listening on/i;
const server = (system: string, index: number): [string, RegExp] => [
  `deno task ${system}:server --index ${index}`,
  LISTENS,
];
const servers = (system: string) => [server(system, 0), server(system, 1)];

const certificate: [string, RegExp] = ["deno task certificate", /its private key/];
const tlsServer: [string, RegExp] = [
  "deno task p2p:server --index 0 --tls-cert data/tls/server.pem --tls-key data/tls/server-key.pem " +
  "--tls-ca data/tls/ca.pem",
  LISTENS,
];

/** The first rule that matches a command counts. */
export const RULES: readonly Rule[] = [
  { matches: /\b(FILE|DIR)\b/, because: "it names no file" },
  { matches: /^deno task certificate\b/, ends: true },
  { matches: /--web-origin\b/, because: "it needs a proxy" },
  { matches: /\.example\b/, machines: true },
  { matches: /^(nats-server|strace)\b/, because: "it is no program of netlab" },
  { matches: /^deno task \S+:server .*--nats\b/, because: "tests/nats starts such servers" },

  { matches: /^deno task p2p:server .*--tls-cert/, shows: LISTENS, after: [certificate] },
  { matches: /^deno task p2p:client .*--tls-ca/, ends: true, after: [certificate, tlsServer] },
  { matches: /^deno task (p2p|rtt|basic):server\b/, shows: LISTENS },
  { matches: /--perf-basic-prof/, because: "it leaves files here" },
  { matches: /^deno task basic:client\b/, shows: /:5002 +yes/, after: servers("basic") },
  { matches: /^deno task rtt:client (--watch|--json)/, shows: /./, after: servers("rtt") },
  {
    matches: /^deno task p2p:backup --data data\/one\b/,
    ends: true,
    after: [["deno task p2p:server --index 0 --data data/one", LISTENS]],
  },
  { matches: /\bOTEL_DENO=/, because: "tests/p2p/tracing_test.ts does this" },
  { matches: /^deno task top\b/, shows: /5001/, after: servers("p2p") },
  { matches: /^deno run --allow-net p2p\/top\.ts/, because: "it names no server" },
  { matches: /^deno task keys\b/, because: "tests/p2p/tokens/keys_program_test.ts runs it" },
  { matches: /^mv data\//, because: "it is no program of netlab" },
  // Without a terminal a client needs a name.
  { matches: /^deno task p2p:client 5002$/, because: "it asks for a name at a terminal" },
  { matches: /\bdeno task p2p:client\b/, ends: true, after: servers("p2p") },
  { matches: /\bdeno task rtt:client\b/, ends: true, after: servers("rtt") },
  { matches: /^deno task lab proxy\b/, shows: /5001|6122/, after: [server("p2p", 0)] },
  { matches: /^deno task lab$/, because: "it prints its help" },

  { matches: /^deno task demo:web$/, shows: /Open/ },
  { matches: /^deno task screenshots$/, because: "it needs a browser" },
  { matches: /^deno task (demo|ok|ok:static|test)$/, because: "it is the gate itself, or a part" },
  { matches: /^deno test\b/, because: "it runs tests" },
  { matches: /^npx\b/, because: "it needs the npm registry; continuous integration runs it" },
  {
    matches: /^deno task lab (run|failover|sim|replay|routes|flap|scale|damage|attack)\b/,
    because: "tests/lab run it",
  },
  { matches: /^deno task lab soak\b/, because: "it takes an hour" },
  {
    matches: /^deno task lab:bugs$/,
    because: "tests/lab/planted_bugs_test.ts runs its last results",
  },
  { matches: /^deno task fuzz\b/, because: "tests/lab/fuzz_test.ts runs it" },
  { matches: /\bbench[:/]/, because: "it takes minutes and needs other programs" },
  { matches: /^(apt-get|perf|git worktree|DENO_DIR=|mv)/, because: "it is no program of netlab" },
];
