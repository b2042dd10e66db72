"""gRPC as this project uses it: channels, servers, deadlines, statuses.

Importing it switches gRPC's fork handlers off, before the first channel or server is made. They
restart gRPC's poller in a forked child although the child only waits to ``exec`` another program;
when its descriptors are closed meanwhile, the poller aborts it (grpc/grpc issue 43055). Nothing
here uses gRPC in a forked child. An operator who sets the variable is obeyed.
"""

import os

os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")  # noqa: TID251 - gRPC reads it, we do not
