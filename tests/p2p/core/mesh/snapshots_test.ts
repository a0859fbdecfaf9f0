import { assert, assertEquals } from "@std/assert";
import {
  FrameDecoder,
  FrameWriter,
  NIL_UUID,
  type PresenceChanges,
  PresenceKind,
  readPresenceChanges,
  readPresenceSnapshot,
  UserKind,
  type UserRecord,
  writePresenceChanges,
  writePresenceSnapshot,
} from "@netlab/protocol";
import { Connection } from "../../../../p2p/core/connection/connection.ts";
import { PAUSE_BYTES } from "../../../../p2p/core/connection/back_pressure.ts";
import { Directory } from "../../../../p2p/core/mesh/directory.ts";
import { Peer } from "../../../../p2p/core/mesh/peer.ts";
import { type ListFrame, Snapshots } from "../../../../p2p/core/mesh/presence/snapshots.ts";
import { pureTest as test } from "../../../kinds.ts";

const [HERE, THERE] = [1, 2].map((digit) => `3f2b8c1e-9d4a-4e57-8a61-0c5d7e9f1a2${digit}`) as [
  string,
  string,
];
const COUNT = 40_000;

function user(number: number): UserRecord {
  const name = `User with a name of some length ${number}`;
  return { name, kind: UserKind.Session, session: NIL_UUID, since: 0 };
}

function* lists(directory: Directory, server: string): Iterable<ListFrame> {
  for (const part of directory.snapshot(server)) yield (out) => writePresenceSnapshot(out, part);
}

function sendChanges(snapshots: Snapshots, peer: Peer, changes: PresenceChanges): void {
  snapshots.sendChanges(peer, changes.server, (out) => writePresenceChanges(out, changes));
}

function start() {
  const nothing = () => {};
  const out = new FrameWriter();
  const transport = { out, pause: nothing, resume: nothing, end: nothing, close: nothing };
  const connection = new Connection(
    { ...transport, abort: nothing },
    "127.0.0.1",
    undefined,
    0,
  );
  const directory = new Directory(HERE);
  for (let i = 0; i < COUNT; i++) directory.add(user(i));
  const peer = new Peer(connection, THERE, "127.0.0.1:9", 0);
  const clock = { now: 0 };
  const snapshots = new Snapshots((server) => lists(directory, server), clock);
  const other = new Directory(THERE);
  const merges: string[] = [];
  /** Takes what waits on the link to the other server. Returns how many bytes that were. */
  const take = () => {
    clock.now += 250;
    const bytes = out.take();
    new FrameDecoder(({ subtype, payload }) => {
      if (subtype === PresenceKind.Snapshot) other.applySnapshot(readPresenceSnapshot(payload));
      else merges.push(other.applyChanges(readPresenceChanges(payload)));
    }).push(bytes);
    return bytes.length;
  };
  const names = (of: Directory) => [...of.users(HERE)].map(({ name }) => name).sort();
  return { directory, peer, snapshots, other, merges, take, names };
}

test("a long list of users is sent to a peer as its link takes it, and changes follow it", () => {
  const { directory, peer, snapshots, other, merges, take, names } = start();
  snapshots.send(peer, HERE);
  let rounds = 0;
  for (let bytes; (bytes = take()) > 0; rounds++) {
    assert(bytes <= PAUSE_BYTES + 65_536, `${bytes} bytes wait`);
    // Users join and leave meanwhile.
    sendChanges(snapshots, peer, directory.add(user(COUNT + rounds)));
    sendChanges(snapshots, peer, directory.remove(user(rounds).name)!);
    snapshots.continue(peer);
    if (rounds > 100) break;
  }
  while (take() > 0) snapshots.continue(peer);
  assert(rounds > 1, "it takes several rounds");
  assertEquals(names(other), names(directory));
  assert(merges.length > 0 && merges.every((merge) => merge === "applied"), merges.join());
});

test("a list that changes too often while it is sent begins again, and many requests are one", () => {
  const { directory, peer, snapshots, other, take, names } = start();
  for (let i = 0; i < 1_000; i++) snapshots.send(peer, HERE);
  take();
  for (let i = 0; i < 2_000; i++) sendChanges(snapshots, peer, directory.add(user(COUNT + i)));
  let bytes = 0;
  for (let i = 0; i < 100; i++) {
    snapshots.continue(peer);
    bytes += take();
  }
  assertEquals(names(other).length, COUNT + 2_000);
  assertEquals(names(other), names(directory));
  assert(bytes < 20_000_000, `${bytes} bytes were sent`);
  // Nothing waits any more.
  sendChanges(snapshots, peer, directory.add(user(-1)));
  assert(take() < 200);
});

test("changes of users who come and go do not fill a link that takes no more", () => {
  const { directory, peer, snapshots, other, take, names } = start();
  snapshots.send(peer, HERE);
  while (take() > 0) snapshots.continue(peer);
  for (let i = 0; i < 30_000; i++) {
    sendChanges(snapshots, peer, directory.add(user(COUNT + i)));
    sendChanges(snapshots, peer, directory.remove(user(COUNT + i).name)!);
  }
  assert(peer.out.length <= PAUSE_BYTES + 65_536, `${peer.out.length} bytes wait`);
  sendChanges(snapshots, peer, directory.add(user(2 * COUNT)));
  while (take() > 0) snapshots.continue(peer);
  assertEquals(names(other), names(directory));
});
