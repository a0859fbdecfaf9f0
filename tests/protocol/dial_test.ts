import { assertEquals, assertRejects } from "@std/assert";
import { dial } from "@netlab/protocol";
import { pureTest as test } from "../kinds.ts";

test("dial never lets Deno ask for a permission", async () => {
  const { connect } = Deno;
  let attempts = 0;
  // At a terminal, Deno would ask here, and stop the program until a person answers.
  Deno.connect = (() => {
    attempts++;
    return Promise.reject(new Error("a person was asked"));
  }) as unknown as typeof connect;
  try {
    for (const address of ["evil.example:5001", "127.0.0.1:5001", "[2001:db8::1]:5001"]) {
      const error = await assertRejects(() => dial(address), Deno.errors.NotCapable);
      assertEquals(error.message.includes(`net access to "${address}"`), true, error.message);
    }
    assertEquals(attempts, 0);
  } finally {
    Deno.connect = connect;
  }
});
