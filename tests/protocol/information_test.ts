import { assertEquals } from "@std/assert";
import { formatLoad, readLoad } from "@netlab/protocol";

Deno.test({
  name: "readLoad finds the load in the capabilities of a server",
  permissions: "none",
  fn() {
    assertEquals(readLoad(["session", formatLoad(17), "echo"]), 17);
    assertEquals(readLoad([formatLoad(0)]), 0);
    assertEquals(readLoad([]), undefined);
    assertEquals(readLoad(["session", "load", "loaded=3", "overload=4"]), undefined);
    for (const wrong of ["", "-1", "1.5", "1e3", "0x10", "many", " 1", "1\n", "9".repeat(16)]) {
      assertEquals(readLoad([`load=${wrong}`]), undefined, wrong);
    }
  },
});
