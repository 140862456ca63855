// The health check of a member: 0 while it takes part in its replica set, or waits to be set up.
const { isreplicaset, isWritablePrimary, secondary } = db.hello();
quit(isreplicaset || isWritablePrimary || secondary ? 0 : 1);
