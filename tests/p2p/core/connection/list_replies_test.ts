import { assert, assertEquals } from "@std/assert";
import {
  Capability,
  FrameDecoder,
  FrameWriter,
  Information,
  readInformationPart,
  readUsers,
} from "@netlab/protocol";
import { Connection } from "../../../../p2p/core/connection/connection.ts";
import { List, ListReplies } from "../../../../p2p/core/connection/list_replies.ts";
import { pureTest as test } from "../../../kinds.ts";

const NAMES = Array.from({ length: 20_000 }, (_, index) => `User ${index}`);

function connection(): Connection {
  const nothing = () => {};
  const transport = {
    out: new FrameWriter(),
    pause: nothing,
    resume: nothing,
    end: nothing,
    close: nothing,
    abort: nothing,
  };
  return new Connection(transport, "127.0.0.1", undefined, 0);
}

/** Takes what waits on a connection, as a list in parts. */
function take({ out }: Connection): { names: string[]; bytes: number } {
  const names: string[] = [];
  const bytes = out.take();
  new FrameDecoder((frame) => {
    names.push(...readUsers(readInformationPart(frame.payload).list));
  }).push(bytes);
  return { names, bytes: bytes.length };
}

test("a list is made once for all who ask, until it changes", () => {
  const list = new List(Information.Capabilities);
  let made = 0;
  const frames = (now: number) => list.frames(() => [`${Capability.Load}=${++made}`], now).at(0);
  const first = frames(0);
  for (let i = 0; i < 1_000; i++) assertEquals(frames(i), first);
  list.changed();
  assert(frames(1_000) !== first);
  assertEquals(made, 2);
});

test("a long list that changes all the time is made at most as often as it could be sent", () => {
  const list = new List(Information.Users);
  let made = 0;
  for (let now = 0; now < 1_000; now++) {
    list.changed();
    list.frames(() => {
      made++;
      return NAMES;
    }, now).at(0);
  }
  assert(made > 10 && made < 60, `made ${made} times in a second`);
});

test("a long list is read and sent piece by piece, and everyone gets all of it", () => {
  const list = new List(Information.AllUsers);
  let read = 0;
  function* items() {
    for (const name of NAMES) {
      read++;
      yield name;
    }
  }
  const replies = new ListReplies();
  const asking = Array.from({ length: 3 }, connection);
  for (const each of asking) replies.send(each, list.frames(items, 0));
  assert(read < NAMES.length, "only the beginning is needed");
  const received = asking.map(() => [] as string[]);
  while (asking.some(({ isReplying }) => isReplying)) {
    for (const [index, each] of asking.entries()) {
      const { names, bytes } = take(each);
      assert(bytes < 3 * 65_536, `${bytes} bytes wait`);
      received[index]!.push(...names);
      replies.drained(each);
    }
  }
  for (const [index, each] of asking.entries()) received[index]!.push(...take(each).names);
  for (const names of received) assertEquals(names, NAMES);
  assertEquals(read, NAMES.length, "every name was read once");
});

test("lists for one connection do not mix, and none is kept for a connection that has ended", () => {
  const list = new List(Information.AllUsers);
  const replies = new ListReplies();
  const one = connection();
  for (let i = 0; i < 2; i++) replies.send(one, list.frames(() => NAMES, 0));
  const names: string[] = [];
  for (let i = 0; i < 20; i++) {
    names.push(...take(one).names);
    replies.drained(one);
  }
  assertEquals(names, [...NAMES, ...NAMES]);

  replies.send(one, list.frames(() => NAMES, 0));
  assert(one.isReplying);
  replies.closed(one);
  take(one);
  replies.drained(one);
  assertEquals([one.isReplying, one.out.length], [false, 0]);
});
