import { assertThrows } from "@std/assert";
import { enableInvariants, invariant } from "@netlab/protocol/codec";

Deno.test({
  name: "an enabled invariant throws when its condition is false",
  permissions: "none",
  fn: () => {
    enableInvariants();
    invariant(true, "one equals one");
    invariant(() => true, "one equals one");
    assertThrows(() => invariant(false, "one equals two"), Error, "one equals two");
    assertThrows(() => invariant(() => false, "one equals two"), Error, "one equals two");
  },
});

Deno.test({
  name: "a disabled invariant evaluates and throws nothing",
  permissions: "none",
  fn: () => {
    enableInvariants(false);
    try {
      invariant(false, "one equals two");
      invariant(() => {
        throw new Error("evaluated");
      }, "one equals two");
    } finally {
      enableInvariants();
    }
  },
});
