// The namespace, the queues of ondemand/servicebus.json, and who may send to and receive from which.

@description('Name of the namespace.')
param name string

@description('Region.')
param location string

@description('Tags.')
param tags object

@description('Tier.')
@allowed(['Standard', 'Premium'])
param sku string

@description('Messaging units, if Premium.')
param capacity int

@description('Whether it can be reached from the internet.')
@allowed(['Enabled', 'Disabled'])
param publicNetworkAccess string

@description('Runner pools, each with a queue like run-model.')
param pools array

@description('Principal id of each pool, in the order of the pools.')
param poolPrincipalIds array

@description('Role that KEDA gets on the queues it scales by.')
param kedaRoleId string

@description('Whether KEDA scales predict by the queue of replies too.')
param kedaHttpAddOn bool

@description('Principal ids of predict, train, runModel and keda.')
param principals object

// One source of truth: the local broker reads the same file.
var declaredQueues = loadJsonContent('../../ondemand/servicebus.json', '$.UserConfig.Namespaces[0].Queues')
var declaredNames = [for queue in declaredQueues: queue.Name]
var likeRunModel = declaredQueues[indexOf(declaredNames, 'run-model')].Properties

// What functions/ does with each queue. predict receives from all: their dead letters, whose clients it answers.
var access = {
  'run-model': {
    senders: [principals.predict, principals.train, principals.runModel]
    receivers: [principals.predict, principals.runModel]
    scalers: [principals.keda]
  }
  train: {
    senders: concat([principals.train, principals.runModel], poolPrincipalIds)
    receivers: [principals.predict, principals.train]
    scalers: [principals.keda]
  }
  results: {
    senders: concat([principals.predict, principals.train, principals.runModel], poolPrincipalIds)
    receivers: [principals.predict]
    scalers: kedaHttpAddOn ? [principals.keda] : []
  }
  // Read by people, with `ondemand dead-letters`.
  failed: {
    senders: [principals.predict]
    receivers: []
    scalers: []
  }
}

resource namespace 'Microsoft.ServiceBus/namespaces@2024-01-01' = {
  name: name
  location: location
  tags: tags
  sku: sku == 'Premium' ? { name: sku, tier: sku, capacity: capacity } : { name: sku, tier: sku }
  properties: {
    disableLocalAuth: true
    minimumTlsVersion: '1.2'
    publicNetworkAccess: publicNetworkAccess
  }
}

module queues 'queue.bicep' = [for queue in declaredQueues: {
  name: 'queue-${queue.Name}'
  params: {
    namespaceName: namespace.name
    name: queue.Name
    properties: queue.Properties
    access: access[queue.Name]
    kedaRoleId: kedaRoleId
  }
}]

module poolQueues 'queue.bicep' = [for (pool, index) in pools: {
  name: 'queue-run-model-${pool}'
  params: {
    namespaceName: namespace.name
    name: 'run-model-${pool}'
    properties: likeRunModel
    access: {
      senders: [principals.predict, principals.train, poolPrincipalIds[index]]
      receivers: [principals.predict, poolPrincipalIds[index]]
      scalers: [principals.keda]
    }
    kedaRoleId: kedaRoleId
  }
}]

@description('Name of the namespace, without the domain.')
output name string = namespace.name

@description('For a private endpoint.')
output id string = namespace.id
