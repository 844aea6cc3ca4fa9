"""A Ray cluster, whose head has no cores. For each line on standard input it gets a node with one core.

It prints its address, and the process of each node. It ends with its standard input.
"""

import sys

from ray.cluster_utils import Cluster

cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
print(cluster.address, flush=True)
for _ in sys.stdin:
    node = cluster.add_node(num_cpus=1)
    print(node.all_processes["raylet"][0].process.pid, flush=True)
cluster.shutdown()
