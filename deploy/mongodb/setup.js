// Creates the replica set of the members, and its users. mongosh must connect to the first member, on
// the member's own machine. If it runs again, it sets the passwords and the rights of the users again.
const { readFileSync } = require("node:fs");
const { MONGODB_HOSTS, SECRETS } = process.env;

const hosts = MONGODB_HOSTS.split(",");
const secret = (name) => readFileSync(`${SECRETS}/${name}`, "utf8").trim();
const signIn = () => {
  const user = `admin:${encodeURIComponent(secret("mongodb_admin_password"))}`;
  return connect(`mongodb://${user}@${MONGODB_HOSTS}/admin?replicaSet=rs0`);
};

if (db.hello().isreplicaset) {
  // At first, only this member can become the primary, on which the first user must be created.
  const members = hosts.map((host, _id) => ({ _id, host, priority: _id === 0 ? 1 : 0 }));
  rs.initiate({ _id: "rs0", members });
}
while (!db.hello().primary) sleep(200);

let admin;
try {
  admin = signIn();
} catch (error) {
  const authenticationFailed = 18;
  if (error.code !== authenticationFailed) throw error;
  // MongoDB allows this without a password, from its own machine, until there is a user.
  while (!db.hello().isWritablePrimary) sleep(200);
  const pwd = secret("mongodb_admin_password");
  db.getSiblingDB("admin").createUser({ user: "admin", pwd, roles: ["root"] });
  admin = signIn();
}

const { config } = admin.adminCommand({ replSetGetConfig: 1 });
if (config.members.slice(1).every(({ priority }) => priority === 0)) {
  // From now on, each member can become the primary.
  for (const member of config.members) member.priority = 1;
  admin.adminCommand({ replSetReconfig: { ...config, version: config.version + 1 } });
}

// The rights that the server needs. It can neither drop a collection nor see another database.
const privileges = [
  {
    resource: { db: "graphql_api", collection: "" },
    actions: [
      ...["find", "insert", "update", "remove", "changeStream"],
      ...["listCollections", "collMod", "listIndexes", "createIndex"],
    ],
  },
  // To show the progress of index builds.
  { resource: { cluster: true }, actions: ["inprog"] },
];
// Only roles of `admin` can have rights in the cluster.
if (admin.getRole("server")) admin.updateRole("server", { privileges });
else admin.createRole({ role: "server", privileges, roles: [] });

const database = admin.getSiblingDB("graphql_api");
const pwd = secret("mongodb_password");
const roles = [{ role: "server", db: "admin" }];
if (database.getUser("graphql_api")) database.updateUser("graphql_api", { pwd, roles });
else database.createUser({ user: "graphql_api", pwd, roles });
