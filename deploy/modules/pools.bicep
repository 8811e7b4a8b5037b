// The identities of the runner pools, as the other modules and the chart take them.

@description('Runner pools.')
param pools array

@description('Client id of each pool\'s identity, in the order of the pools.')
param clientIds array

@description('Principal id of each pool\'s identity, in the order of the pools.')
param principalIds array

var entries = [for (pool, index) in pools: '"${pool}": {"identity": {"clientId": "${clientIds[index]}"}}']

@description('Values of the chart by pool.')
output values object = json('{${join(entries, ',')}}')

@description('For role assignments.')
output principalIds array = principalIds
