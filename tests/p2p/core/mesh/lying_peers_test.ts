/**
 * A peer that lies about users and servers that are not its own changes nothing for anyone else. The servers are in
 * a row; Bob is at the first one and Ann at the last one, and the liar is linked to each in turn.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import {
  Capability,
  type Frame,
  FrameType,
  PresenceKind,
  readNameClaim,
  ReceiptState,
  UserKind,
  type UserRecord,
  writeClock,
  writeHeartbeat,
  writeNameClaim,
  writePeerRegistration,
  writePresenceChanges,
  writePresenceDigest,
  writeServerReceipts,
} from "@netlab/protocol";
import {
  chain,
  disconnectRules,
  servers,
  settle,
  VirtualNetwork,
  type VirtualNode,
} from "@netlab/lab/simulator";
import { pureTest as test } from "../../../kinds.ts";
import { ScriptedPeer } from "../scripted_peer.ts";
import { TestUser } from "../test_user.ts";

const LATEST = 2 ** 53 - 1;

/** Servers in a row with two users, and a peer of one of the servers. */
class Scene {
  readonly network = new VirtualNetwork();
  readonly nodes: VirtualNode[];
  readonly bob: TestUser;
  readonly ann: TestUser;
  readonly liar: ScriptedPeer;

  constructor(at: number, isEarly: boolean) {
    const { network } = this;
    const nodes = this.nodes = servers(network, 3, chain(3), { rules: disconnectRules });
    settle(network, nodes);
    const link = () => new ScriptedPeer(network, nodes[at]!, undefined, [Capability.Claim]);
    const early = isEarly ? link() : undefined;
    network.run(1_000);
    this.bob = new TestUser(network, "Bob").at(nodes[0]!);
    this.ann = new TestUser(network, "Ann").at(nodes[2]!);
    network.run(1_000);
    this.liar = early ?? link();
    network.run(1_000);
    // It confirms whatever it is asked.
    this.liar.onFrame = (frame) => this.#confirm(frame);
  }

  /** The id of Bob's server. */
  get home(): string {
    return this.nodes[0]!.core.id;
  }

  /** What a liar would like Bob's record to be. */
  record(changed: Partial<UserRecord> = {}): UserRecord {
    const session = this.network.uuid();
    return { name: "Bob", kind: UserKind.Session, session, since: 1, ...changed };
  }

  /** Every server has Bob where he is, and messages and news of his server get there. */
  check(what: string): void {
    const { network, nodes, bob, ann, home } = this;
    for (const { core, address } of nodes) {
      assertEquals(core.locations.locate("Bob")?.server, home, `${what}: ${address}`);
    }
    assertEquals([bob.errors, bob.connection!.closed], [[], false], what);
    const id = ann.send("Bob", what);
    network.run(1_000);
    assert(ann.isDelivered(id), what);
    assertEquals(bob.textsFrom("Ann").at(-1), what);
    new TestUser(network, `Carl ${what}`).at(nodes[0]!);
    network.run(500);
    for (const node of nodes) assert(node.users().includes(`Carl ${what}`), what);
  }

  #confirm(frame: Frame): void {
    if (frame.type !== FrameType.Presence || frame.subtype !== PresenceKind.Claim) return;
    const { to, from, name } = readNameClaim(frame.payload);
    writeNameClaim(this.liar.out, PresenceKind.Held, { to: from, from: to, name }, 1);
  }
}

const LIES: Readonly<Record<string, (scene: Scene) => void>> = {
  "an older user": ({ liar, record }: Scene) => liar.present([record()]),
  "the same session": ({ liar, bob, record }) => liar.present([record({ session: bob.session })]),
  "a user of the same age with the lowest id": ({ liar, network, record }) =>
    liar.present([record({ session: "00000000-0000-8000-8000-000000000000", since: network.now })]),
  "a legacy user": ({ liar, record }) => liar.present([record({ kind: UserKind.LegacyClient })]),
  "a change of its own": ({ liar, record }) => {
    liar.present([], { version: 1 });
    writePresenceChanges(liar.out, { server: liar.id, version: 2, changes: [record()] });
  },
  "an old clock": ({ liar, network, record }) => {
    writeClock(liar.out, network.now + 3_600_000);
    liar.present([record({ since: network.now })]);
  },
  "the home is empty": ({ liar, home }) => liar.present([], { server: home, version: LATEST }),
  "the home has someone else": ({ liar, home, record }) =>
    liar.present([record()], { server: home, version: 1_000 }),
  "Bob has gone": ({ liar, bob, record, home }) => {
    const gone = record({ kind: UserKind.Gone, session: bob.session });
    // His registration was the first change there.
    for (const version of [2, 3, 4]) {
      writePresenceChanges(liar.out, { server: home, version, changes: [gone] });
    }
  },
  "nobody knows the home": ({ liar, home, nodes }) => {
    const versions = [home, ...nodes.map(({ core }) => core.id)];
    writePresenceDigest(liar.out, versions.map((server) => ({ server, version: 0 })));
  },
  "the home is linked to the liar only": ({ liar, home, nodes, record }) => {
    liar.announceLinks(home);
    const links = [{ server: liar.id, cost: 1 }];
    liar.announce({ server: home, version: LATEST, address: nodes[0]!.address, links });
    liar.present([record()], { server: home, version: LATEST });
  },
  "the home has no links": ({ liar, home, nodes }) =>
    liar.announce({ server: home, version: 1_000, address: nodes[0]!.address, links: [] }),
  "many claims": ({ liar, home, nodes }) => {
    for (const from of [liar.id, home, nodes[1]!.core.id, nodes[2]!.core.id]) {
      writeNameClaim(liar.out, PresenceKind.Claim, { to: home, from, name: "Bob" }, 1);
    }
  },
  "a made-up proof": ({ liar, home, bob, record }) => {
    liar.present([record({ session: bob.session })]);
    const proof = new Uint8Array(16);
    writeNameClaim(
      liar.out,
      PresenceKind.Claim,
      { to: home, from: liar.id, name: "Bob", proof },
      1,
    );
  },
};

for (const [what, tell] of Object.entries(LIES)) {
  test(`a peer that says "${what}" takes over nobody`, () => {
    for (const at of [0, 1, 2]) {
      for (const isEarly of [true, false]) {
        const scene = new Scene(at, isEarly);
        // Methods of the scene are used without it.
        const { network, nodes, bob, ann, liar, home } = scene;
        const record = scene.record.bind(scene);
        tell({ network, nodes, bob, ann, liar, home, record } as Scene);
        network.run(12_000);
        scene.check(`${what} at ${at}${isEarly ? ", early" : ""}`);
        assert(!liar.connection.closed, "it may be mistaken");
      }
    }
  });
}

test("a peer that says that it is another server gets an error, and that server keeps its link", () => {
  const { network, nodes, bob } = new Scene(1, true);
  network.run(11_000);
  const [victim, witness] = [nodes[0]!, nodes[1]!];
  const link = witness.linkTo(victim);
  const frames: Frame[] = [];
  network.dial("10.0.7.7:5001", witness.address, {
    connected: (connection) => {
      connection.start({ frame: (frame) => frames.push(frame.copy()) });
      writePeerRegistration(connection.out, { server: victim.core.id, address: victim.address });
      writeHeartbeat(connection.out);
    },
    failed: (reason) => {
      throw new Error(reason);
    },
  });
  network.run(5_000);
  assertEquals(frames.map(({ type, subtype }) => [type, subtype]), [[FrameType.Error, 1]]);
  assertEquals(witness.linkTo(victim), link);
  assertEquals([bob.errors, bob.connection!.closed], [[], false]);
});

test("a peer cannot say for another server that a dead user is alive", () => {
  for (const at of [0, 1, 2]) {
    const { network, nodes, bob, liar, home } = new Scene(at, true);
    network.silence(bob.party, nodes[0]!.address);
    // At a direct peer of Bob's server: only that server's own link counts.
    const eve = new TestUser(network, "Bob").register(nodes[1]!);
    for (let ms = 0; ms < 4_000 && eve.welcomes === 0; ms += 100) {
      const to = nodes[1]!.core.id;
      writeNameClaim(liar.out, PresenceKind.Held, { to, from: home, name: "Bob" }, 1);
      network.run(100);
    }
    assertEquals([eve.welcomes, eve.errors], [1, []], `at ${at}`);
  }
});

test("a peer cannot settle messages that another server has", () => {
  const { network, nodes, ann, liar, home } = new Scene(2, true);
  const id = ann.send("Absent", "wait");
  network.run(500);
  assert(ann.isAccepted(id));
  const { core } = nodes[2]!;
  for (const from of [nodes[1]!.core.id, liar.id, home]) {
    const receipts = [{ id, state: ReceiptState.Accepted, code: 0, reason: "" }];
    writeServerReceipts(liar.out, { to: core.id, from, receipts }, 1);
  }
  const receipts = [{ id, state: ReceiptState.Delivered, code: 0, reason: "" }];
  writeServerReceipts(liar.out, { to: core.id, from: nodes[1]!.core.id, receipts }, 1);
  network.run(1_000);
  const absent = new TestUser(network, "Absent").at(nodes[0]!);
  network.run(1_000);
  assertEquals(absent.textsFrom("Ann"), ["wait"]);
});
