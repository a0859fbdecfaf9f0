/**
 * On a network with keys, a server between two others cannot speak for either of them. The liar stands between Bob's
 * server and Ann's, which know each other only through it; a third server is linked to Bob's.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import {
  ErrorCode,
  type Frame,
  FrameType,
  HEADER_BYTES,
  MessageKind,
  PresenceKind,
  readOutboundMessage,
  readStatement,
  ReceiptState,
  StatementKind,
  UserKind,
  writeLinkState,
  writeNameClaim,
  writePresenceChanges,
  writePresenceSnapshot,
  writeRelayedReceipts,
  writeServerReceipts,
} from "@netlab/protocol";
import { keyThumbprint } from "@netlab/protocol/server-id";
import { VirtualKeys, VirtualNetwork, VirtualNode } from "@netlab/lab/simulator";
import { pureTest as test } from "../../../kinds.ts";
import { SignedPeer } from "../signed_peer.ts";
import { TestUser } from "../test_user.ts";

const NETWORK = "keys";

function peer(
  network: VirtualNetwork,
  keys: VirtualKeys,
  node: VirtualNode,
  { signing = keys.createKey(), token = "server", ...register }: {
    signing?: ReturnType<VirtualKeys["createKey"]>;
    token?: string;
    id?: string;
    proves?: boolean;
  } = {},
): SignedPeer {
  const address = "10.0.9.9:5001";
  let made: SignedPeer | undefined;
  network.dial(address, node.address, {
    connected: (connection) => {
      made = new SignedPeer(connection.out, signing, NETWORK, address, token, register);
      connection.start({ frame: (frame) => made!.received(frame) });
      made.begin();
    },
    failed: (reason) => {
      throw new Error(reason);
    },
  });
  network.until(() => made !== undefined, 1_000);
  return made!;
}

class Scene {
  readonly network = new VirtualNetwork();
  readonly keys = new VirtualKeys(this.network);
  readonly home: VirtualNode;
  readonly far: VirtualNode;
  readonly third: VirtualNode;
  readonly bob: TestUser;
  readonly ann: TestUser;
  /** The liar's links to Bob's server and to Ann's. */
  readonly here: SignedPeer;
  readonly there: SignedPeer;

  constructor() {
    const { network, keys } = this;
    this.home = new VirtualNode(network, "10.0.0.1:5001", { keys });
    this.far = new VirtualNode(network, "10.0.0.2:5001", { keys });
    this.third = new VirtualNode(network, "10.0.0.3:5001", { keys, peers: [this.home.address] });
    network.separate(this.home.address, this.far.address);
    network.separate(this.third.address, this.far.address);
    network.run(1_000);
    this.bob = new TestUser(network, "Bob").at(this.home);
    this.ann = new TestUser(network, "Ann").at(this.far);
    const signing = keys.createKey();
    this.here = peer(network, keys, this.home, { signing });
    this.there = peer(network, keys, this.far, { signing });
    const pass = (to: SignedPeer) => (frame: Frame) => {
      if (frame.type === FrameType.Statement) to.out.forward(frame, frame.subtype === 0 ? 0 : 2);
    };
    this.here.onFrame = pass(this.there);
    this.there.onFrame = pass(this.here);
    network.run(1_000);
    for (const frame of this.there.got(FrameType.Statement, 0)) this.here.out.forward(frame, 0);
    for (const frame of this.here.got(FrameType.Statement, 0)) this.there.out.forward(frame, 0);
    this.here.announceLinks(this.far.core.id);
    this.there.announceLinks(this.home.core.id);
    network.run(1_000);
    assertEquals(this.home.users(), ["Ann", "Bob"]);
    assert(this.home.core.topology.reaches(this.far.core.id));
  }

  /** Ann is where she was, for every server, and the third server is still linked. */
  check(): void {
    const { home, far, third } = this;
    for (const { core } of [home, third]) {
      if (core.topology.reaches(far.core.id)) {
        assertEquals(core.locations.locate("Ann")?.server, far.core.id);
      }
      assertEquals(core.locations.locate("Bob")?.server, home.core.id);
    }
    assert(home.linkTo(third), "others keep their links");
  }

  get isLinked(): boolean {
    return [...this.home.core.mesh.peers()].some(({ server }) => server === this.here.id);
  }

  /** The last statement of Ann's server with such a frame. */
  last(type: number, subtype: number): Frame {
    const frame = this.there.got(FrameType.Statement, 0).findLast(({ payload }) => {
      const { frames } = readStatement(payload, false);
      return frames[0] === type && frames[1] === subtype;
    });
    return frame!.copy();
  }
}

const gone = (name: string) => ({ name, kind: UserKind.Gone, session: ZERO, since: 1 });
const ZERO = "00000000-0000-8000-8000-000000000000";

/** What the liar does, and the code with which Bob's server ends its link; `undefined` if it only ignores it. */
const LIES: Readonly<Record<string, [code: number | undefined, tell: (scene: Scene) => void]>> = {
  "in the name of another server": [ErrorCode.SignatureInvalid, ({ here, far, last }) => {
    const { key, startedAt } = readStatement(last(FrameType.Presence, 0).payload, false);
    const changes = { server: far.core.id, version: 2, changes: [gone("Ann")] };
    here.say((out) => writePresenceChanges(out, changes), { key: key.slice(), startedAt });
  }],
  "about another server": [ErrorCode.SignatureInvalid, ({ here, far }) => {
    const changes = { server: far.core.id, version: 2, changes: [gone("Ann")] };
    here.say((out) => writePresenceChanges(out, changes));
  }],
  "about the links of another server": [ErrorCode.SignatureInvalid, ({ here, far }) => {
    const state = { server: far.core.id, version: 1_000, address: far.address, links: [] };
    here.say((out) => writeLinkState(out, state));
  }],
  "a list of another server": [ErrorCode.SignatureInvalid, ({ here, far }) => {
    const list = { server: far.core.id, version: 1_000, part: 0, parts: 1, users: [] };
    here.say((out) => writePresenceSnapshot(out, list));
  }],
  "with a changed link state": [ErrorCode.SignatureInvalid, ({ here, last }) => {
    const frame = last(FrameType.LinkState, 0);
    // The version is after the key, two numbers, the signature, a header and an id.
    frame.bytes[frame.start + 112 + HEADER_BYTES + 16 + 7]! += 1;
    here.out.forward(frame, 0);
  }],
  "with the signature of another key": [ErrorCode.SignatureInvalid, ({ here, keys }) => {
    const changes = { server: here.id, version: 1, part: 0, parts: 1, users: [] };
    const signature = keys.createKey().sign(new Uint8Array(9));
    here.say((out) => writePresenceSnapshot(out, changes), { signature });
  }],
  "that its server started at another time": [ErrorCode.SignatureInvalid, ({ here, last }) => {
    const frame = last(FrameType.Presence, 1);
    frame.bytes[frame.start + 39]! ^= 1;
    here.out.forward(frame, 0);
  }],
  "without a signature": [ErrorCode.SignatureRequired, ({ here, far }) => {
    writePresenceChanges(here.out, { server: far.core.id, version: 2, changes: [gone("Ann")] });
  }],
  "receipts without a signature": [ErrorCode.SignatureRequired, ({ here, home, far }) => {
    writeServerReceipts(here.out, { to: home.core.id, from: far.core.id, receipts: [] }, 1);
  }],
  "a statement that is cut off": [ErrorCode.Malformed, ({ here, last }) => {
    const { payload } = last(FrameType.LinkState, 0);
    here.out.frame(FrameType.Statement, 0, payload.subarray(0, payload.length - 1));
  }],
  "a statement without a frame": [ErrorCode.Malformed, ({ here }) => here.say(() => {})],
  "a message in a statement": [ErrorCode.Malformed, ({ here }) => {
    here.say((out) => out.frame(FrameType.Message, 0));
  }],
  "another server's answer": [ErrorCode.SignatureInvalid, ({ here, home, far }) => {
    const claim = { to: home.core.id, from: far.core.id, name: "Ann" };
    here.sayTo(home.core.id, (out) => writeNameClaim(out, PresenceKind.Held, claim, 1));
  }],
  "one receipt twice": [ErrorCode.SignatureInvalid, ({ here, home }) => {
    const receipts = { to: home.core.id, from: here.id, receipts: [] };
    for (const number of [7, 7]) {
      here.sayTo(home.core.id, (out) => writeServerReceipts(out, receipts, 1), { number });
    }
  }],
  "an old list": [undefined, ({ network, there, here, far }) => {
    const old = there.got(FrameType.Statement, 0).map((frame) => frame.copy());
    new TestUser(network, "Cid").at(far);
    network.run(500);
    for (const frame of old) here.out.forward(frame, 0);
  }],
  "links that were signed long ago": [undefined, ({ here, home }) => {
    const links = [{ server: home.core.id, cost: 1 }];
    const state = { server: here.id, version: 1_000, address: here.address, links };
    const number = here.signing.time() - 3_600_000;
    here.say((out) => writeLinkState(out, { ...state, address: "10.0.8.8:1" }), { number });
  }],
  "that it has another's user with the same session": [undefined, ({ here, ann, network }) => {
    const user = { ...gone("Ann"), kind: UserKind.Session, session: ann.session, since: 0 };
    const list = { server: here.id, version: 1, part: 0, parts: 1, users: [user] };
    here.say((out) => writePresenceSnapshot(out, list));
    network.run(5_000);
  }],
};

for (const [what, [code, tell]] of Object.entries(LIES)) {
  test(`a server of a network with keys that says "${what}" changes nothing`, () => {
    const scene = new Scene();
    const { network, here } = scene;
    // Methods of the scene are used without it.
    tell(Object.assign(Object.create(scene), { ...scene, last: scene.last.bind(scene) }));
    network.run(2_000);
    scene.check();
    assertEquals(here.errors.map(({ code }) => code), code === undefined ? [] : [code]);
    assertEquals(scene.isLinked, code === undefined);
  });
}

test("a server between two others cannot answer for a message that it passes on", () => {
  const { network, home, far, here, there, bob, ann } = new Scene();
  const id = bob.send("Ann", "hello");
  network.run(1_000);
  const [message] = here.got(FrameType.Message, MessageKind.Outbound);
  assertEquals(readOutboundMessage(message!.payload).destination, far.core.id);
  const receipts = [{ id, state: ReceiptState.Delivered, code: 0, reason: "" }];
  // It may speak for itself, but the message was not sent to it, and Bob's server stores it.
  const own = { to: home.core.id, from: here.id, receipts };
  here.sayTo(home.core.id, (out) => {
    writeServerReceipts(out, own, 1);
    writeRelayedReceipts(out, "Bob", receipts, 1);
  });
  network.run(1_000);
  assert(!bob.isDelivered(id));
  assertEquals(here.errors, []);
  // The right one comes through.
  there.out.forward(message!, 2);
  network.run(1_000);
  assert(bob.isDelivered(id));
  assertEquals(ann.textsFrom("Bob"), ["hello"]);
  // A receipt that is wrong and was only passed on ends nobody's link.
  const forged = here.frames.length;
  const statement = there.got(FrameType.Statement, StatementKind.ForOne)[0]!.copy();
  statement.bytes[statement.end - 1]! ^= 1;
  here.out.forward(statement, 2);
  network.run(1_000);
  assertEquals(here.errors.map(({ code, fatal }) => [code, fatal]), [[
    ErrorCode.SignatureInvalid,
    false,
  ]]);
  assert(here.frames.length > forged && home.core.topology.reaches(here.id));
});

test("a token that is bound to a key is no use without it", () => {
  const network = new VirtualNetwork();
  const keys = new VirtualKeys(network);
  const node = new VirtualNode(network, "10.0.0.1:5001", { keys });
  const [owner, thief] = [keys.createKey(), keys.createKey()] as const;
  const token = `server.${keyThumbprint(owner.key)}`;
  const results = [
    peer(network, keys, node, { signing: owner, token }),
    peer(network, keys, node, { signing: thief, token }),
    // It states the right key, and cannot sign with it.
    peer(network, keys, node, { signing: { ...thief, ...identityOf(owner) }, token }),
    peer(network, keys, node, { signing: thief, proves: false }),
    peer(network, keys, node, { signing: thief, id: owner.id }),
  ];
  network.run(2_000);
  assertEquals(results.map(({ errors }) => errors.map(({ code }) => code)), [
    [],
    [ErrorCode.SignatureInvalid],
    [ErrorCode.SignatureInvalid],
    [ErrorCode.SignatureRequired],
    [ErrorCode.SignatureInvalid],
  ]);
  assertEquals([...node.core.mesh.peers()].map(({ server }) => server), [owner.id]);
});

function identityOf({ key, startedAt, id }: ReturnType<VirtualKeys["createKey"]>) {
  return { key, startedAt, id };
}
