import { assertEquals } from "@std/assert";
import { P2pClient } from "@netlab/p2p/client";
import { P2pServer } from "@netlab/p2p/server";
import {
  FrameType,
  FrameWriter,
  Information,
  MAX_PAYLOAD_BYTES,
  readInformationPart,
  readUsers,
  writeInformationParts,
  writeInformationRequest,
  writeInformationResponse,
} from "@netlab/protocol";
import { framesIn } from "../../protocol/layouts.ts";
import { pureTest } from "../../kinds.ts";
import { RawParty, ScriptedServer, socketTest as test } from "../network.ts";

/** More names than fit into a frame. */
const NAMES = Array.from(
  { length: 600 },
  (_, at) => `${String(at).padStart(4, "0")}${"n".repeat(200)}`,
);

pureTest("a list in parts is complete, whatever its length", () => {
  const longest = "n".repeat(255);
  for (const count of [0, 1, 255, 256, 257, 511, 512, 513, 2_000]) {
    const names = Array.from({ length: count }, () => longest);
    const out = new FrameWriter();
    writeInformationParts(out, Information.AllUsers, names);
    const parts = framesIn(out.take()).map(({ payload }) => readInformationPart(payload));
    assertEquals(parts.flatMap(({ list }) => readUsers(list)), names);
    assertEquals(parts.map(({ isLast }) => isLast), parts.map((_, at) => at === parts.length - 1));
  }
});

test("a client sees all users of a server that has more than fit into a frame", async () => {
  await using server = await P2pServer.listen();
  await using alice = await P2pClient.connect({ name: "Alice", servers: [server.address] });
  const parties = await Promise.all(NAMES.map((name) => RawParty.register(server, name)));
  try {
    const users = await alice.users();
    assertEquals(users.sort(), [...NAMES, "Alice"].sort());
    // A legacy program gets what fits.
    await using legacy = await RawParty.connect(server);
    writeInformationRequest(legacy.out, Information.Users);
    const { payload } = await legacy.next(FrameType.InformationResponse);
    const some = readUsers(payload);
    assertEquals(some.length < NAMES.length && payload.length <= MAX_PAYLOAD_BYTES, true);
  } finally {
    for (const party of parties) await party[Symbol.asyncDispose]();
  }
});

test("a client sees the list of a server that does not know lists in parts", async () => {
  await using server = new ScriptedServer(
    ({ out }, { type, subtype }) => {
      if (type !== FrameType.InformationRequest) return;
      writeInformationResponse(out, subtype, subtype === Information.Users ? ["Alice", "Bob"] : []);
    },
    undefined,
    Information.Users,
  );
  await using alice = await P2pClient.connect({ name: "Alice", servers: [server.address] });
  assertEquals(await alice.users(), ["Alice", "Bob"]);
  assertEquals(await alice.servers(), []);
});
