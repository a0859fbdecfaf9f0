import { checkHistory, Cluster } from "@netlab/lab";
import { Load } from "./load.ts";
await using cluster = await Cluster.start({
  servers: 3,
  system: "rtt",
  processes: true,
  proxies: true,
  seed: 1,
});
await cluster.linked();
const delay = (server: number, latencyMs: number) => {
  const f = { latencyMs, jitterMs: 4 };
  cluster.servers[server]!.proxy!.set({ toTarget: f, toClient: f });
};
for (const s of [0, 1, 2]) delay(s, 25);
const moved: { user: string; at: number; line: string }[] = [];
await using load = await Load.connect({
  system: "rtt",
  servers: cluster.servers.map(({ address }) => address),
  clients: 20,
  perSecond: 100,
  seed: 1,
  onRound: (user, { decision }) => {
    if (decision.kind !== "kept") moved.push({ user, at: performance.now(), line: decision.line });
  },
});
const stop = new AbortController();
const writing = load.run({}, stop.signal);
const wait = (ms: number) => new Promise((r) => setTimeout(r, ms));
await wait(60_000);
console.log(
  "moves among equals in 60 s:",
  moved.filter(({ line }) => !line.startsWith("chose")).length,
);
moved.length = 0;
const t = performance.now();
delay(0, 10);
await wait(100_000);
console.log(
  "moves after change:",
  moved.length,
  "users",
  new Set(moved.map((m) => m.user)).size,
  "latest",
  Math.max(...moved.map((m) => m.at - t)).toFixed(0),
  "ms; earliest",
  Math.min(...moved.map((m) => m.at - t)).toFixed(0),
);
console.log(moved[0]?.line);
stop.abort();
await writing;
await load.settle(new AbortController().signal);
const f = checkHistory(load.history);
console.log({
  sent: f.sent,
  accepted: f.accepted,
  lost: f.lost.length,
  dup: f.duplicated.length,
  ooo: f.outOfOrder.length,
  exit: f.exitCode,
});
