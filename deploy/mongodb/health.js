// The health check of a member. The exit code is 0 while the member takes part in its replica set, or
// waits for setup.js.
const { isreplicaset, isWritablePrimary, secondary } = db.hello();
quit(isreplicaset || isWritablePrimary || secondary ? 0 : 1);
