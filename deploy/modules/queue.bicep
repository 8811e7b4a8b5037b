// A queue, and the roles on it alone.

@description('Name of the namespace.')
param namespaceName string

@description('Name of the queue.')
param name string

@description('Its settings, as in ondemand/servicebus.json.')
param properties object

@description('Principal ids: senders, receivers, scalers.')
param access object

@description('Role of the scalers.')
param kedaRoleId string

var dataSender = '69a216fc-b8fb-44d8-bc22-1f3c2cd27a39'
var dataReceiver = '4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0'

resource namespace 'Microsoft.ServiceBus/namespaces@2024-01-01' existing = {
  name: namespaceName
}

resource queue 'Microsoft.ServiceBus/namespaces/queues@2024-01-01' = {
  parent: namespace
  name: name
  properties: {
    deadLetteringOnMessageExpiration: properties.DeadLetteringOnMessageExpiration
    defaultMessageTimeToLive: properties.DefaultMessageTimeToLive
    duplicateDetectionHistoryTimeWindow: properties.DuplicateDetectionHistoryTimeWindow
    forwardDeadLetteredMessagesTo: empty(properties.ForwardDeadLetteredMessagesTo) ? null : properties.ForwardDeadLetteredMessagesTo
    forwardTo: empty(properties.ForwardTo) ? null : properties.ForwardTo
    lockDuration: properties.LockDuration
    maxDeliveryCount: properties.MaxDeliveryCount
    requiresDuplicateDetection: properties.RequiresDuplicateDetection
    requiresSession: properties.RequiresSession
  }
}

resource senders 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for principalId in access.senders: {
  name: guid(queue.id, principalId, dataSender)
  scope: queue
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', dataSender)
  }
}]

resource receivers 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for principalId in access.receivers: {
  name: guid(queue.id, principalId, dataReceiver)
  scope: queue
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', dataReceiver)
  }
}]

resource scalers 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for principalId in access.scalers: {
  name: guid(queue.id, principalId, kedaRoleId)
  scope: queue
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', kedaRoleId)
  }
}]
