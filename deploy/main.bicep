// What mlflow-ondemand needs in Azure beside a cluster: queues, operation store, identities and their roles.
// Deploy into a resource group; see README.md here for the commands around it.
targetScope = 'resourceGroup'

@description('Begins the names of all resources: lower-case letters and digits, a letter first.')
@minLength(3)
@maxLength(11)
param prefix string = 'ondemand'

@description('Region of all resources.')
param location string = resourceGroup().location

@description('Tags of all resources.')
param tags object = {}

@description('Existing AKS cluster with OIDC issuer and workload identity.')
param clusterName string

@description('Resource group of the cluster.')
param clusterResourceGroup string = resourceGroup().name

@description('Kubernetes namespace that the Helm release is installed into.')
param kubernetesNamespace string = 'mlflow-ondemand'

@description('Name of the Helm release, or global.fullname if the chart gets one: the service accounts are <release>-predict, <release>-train and <release>-run-model.')
param releaseName string = 'mlflow-ondemand'

@description('Kubernetes namespace of KEDA: kube-system for the AKS add-on, keda for its own chart.')
param kedaNamespace string = 'kube-system'

@description('Service account of the KEDA operator.')
param kedaServiceAccount string = 'keda-operator'

@description('Role that KEDA gets on the queues it scales by. Default: Azure Service Bus Data Receiver, which may read the length of a queue. README.md has a smaller one, and Data Owner, should it not be enough.')
param kedaRoleId string = '4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0'

@description('Whether the KEDA HTTP add-on scales predict, from zero: KEDA then looks at the queue of replies too, keda.predict.http.enabled in the chart.')
param kedaHttpAddOn bool = false

@description('Runner pools of the catalog (models.yaml): each has a queue run-model-<pool> and an identity.')
param pools array = []

@description('Existing container registry that the nodes pull from. Empty: they may pull already.')
param registryName string = ''

@description('Resource group of the registry.')
param registryResourceGroup string = resourceGroup().name

@description('Subnet for private endpoints of Service Bus, storage and key vault, which are then reached by them alone. Its virtual network has to be the cluster\'s, or peered with it. Empty: public addresses.')
param privateEndpointSubnetId string = ''

@description('Tier of the Service Bus namespace. Premium for messages above 256 KB, private endpoints and predictable latency.')
@allowed(['Standard', 'Premium'])
param serviceBusSku string = empty(privateEndpointSubnetId) ? 'Standard' : 'Premium'

@description('Messaging units of a Premium namespace.')
@allowed([1, 2, 4, 8, 16])
param serviceBusCapacity int = 1

@description('Redundancy of the operation store.')
@allowed(['Standard_LRS', 'Standard_ZRS'])
param storageSku string = 'Standard_ZRS'

@description('Days after which the objects of an operation are deleted. Above RETENTION_S and the longest training together.')
@minValue(2)
param retentionDays int = 3

@description('Whether Service Bus, storage and key vault can be reached from the internet (by identity only). Disabled as soon as there are private endpoints.')
@allowed(['Enabled', 'Disabled'])
param publicNetworkAccess string = empty(privateEndpointSubnetId) ? 'Enabled' : 'Disabled'

@description('Subnets of the cluster that may reach storage and key vault (service endpoints Microsoft.Storage, Microsoft.KeyVault). Empty: no firewall, identities decide.')
param subnetIds array = []

@description('Make a key vault for the function keys and, without OIDC federation, the Databricks secret.')
param keyVault bool = false

@description('Make an Application Insights component with its Log Analytics workspace, diagnostic settings, alert rules and a workbook.')
param monitoring bool = true

@description('Who is told by the alert rules, by e-mail. Empty: they fire, and nobody is told.')
param alertEmails array = []

@description('Messages that may wait in run-model or train all the time before an alert: messageCount of the chart.')
@minValue(0)
param alertBacklog int = 32

@description('Requests answered with 5xx within five minutes that are tolerated.')
@minValue(0)
param alertServerErrors int = 5

@description('Seconds that a message may have waited when a function takes it. A replica that starts from zero takes some.')
@minValue(1)
param alertQueueSeconds int = 300

@description('Azure Monitor workspace with the Prometheus metrics of the cluster, for the alert on replicas at their maximum. Empty: no such alert.')
param prometheusWorkspaceId string = ''

var suffix = uniqueString(resourceGroup().id, prefix)

resource cluster 'Microsoft.ContainerService/managedClusters@2024-09-01' existing = {
  name: clusterName
  scope: resourceGroup(clusterResourceGroup)
}

module predict 'modules/identity.bicep' = {
  name: 'predict-identity'
  params: {
    name: '${prefix}-predict'
    location: location
    tags: tags
    issuer: cluster.properties.oidcIssuerProfile.issuerURL
    subject: 'system:serviceaccount:${kubernetesNamespace}:${releaseName}-predict'
  }
}

module train 'modules/identity.bicep' = {
  name: 'train-identity'
  params: {
    name: '${prefix}-train'
    location: location
    tags: tags
    issuer: cluster.properties.oidcIssuerProfile.issuerURL
    subject: 'system:serviceaccount:${kubernetesNamespace}:${releaseName}-train'
  }
}

module runModel 'modules/identity.bicep' = {
  name: 'run-model-identity'
  params: {
    name: '${prefix}-run-model'
    location: location
    tags: tags
    issuer: cluster.properties.oidcIssuerProfile.issuerURL
    subject: 'system:serviceaccount:${kubernetesNamespace}:${releaseName}-run-model'
  }
}

module poolIdentities 'modules/identity.bicep' = [for pool in pools: {
  name: 'run-model-${pool}-identity'
  params: {
    name: '${prefix}-run-model-${pool}'
    location: location
    tags: tags
    issuer: cluster.properties.oidcIssuerProfile.issuerURL
    subject: 'system:serviceaccount:${kubernetesNamespace}:${releaseName}-run-model-${replace(pool, '_', '-')}'
  }
}]

module poolValues 'modules/pools.bicep' = {
  name: 'pool-values'
  params: {
    pools: pools
    clientIds: [for (pool, index) in pools: poolIdentities[index].outputs.clientId]
    principalIds: [for (pool, index) in pools: poolIdentities[index].outputs.principalId]
  }
}

module keda 'modules/identity.bicep' = {
  name: 'keda-identity'
  params: {
    name: '${prefix}-keda'
    location: location
    tags: tags
    issuer: cluster.properties.oidcIssuerProfile.issuerURL
    subject: 'system:serviceaccount:${kedaNamespace}:${kedaServiceAccount}'
  }
}

module serviceBus 'modules/servicebus.bicep' = {
  name: 'servicebus'
  params: {
    name: '${prefix}-${suffix}'
    location: location
    tags: tags
    sku: serviceBusSku
    capacity: serviceBusCapacity
    publicNetworkAccess: publicNetworkAccess
    pools: pools
    poolPrincipalIds: poolValues.outputs.principalIds
    kedaRoleId: kedaRoleId
    kedaHttpAddOn: kedaHttpAddOn
    principals: {
      predict: predict.outputs.principalId
      train: train.outputs.principalId
      runModel: runModel.outputs.principalId
      keda: keda.outputs.principalId
    }
  }
}

module operations 'modules/operations.bicep' = {
  name: 'operations'
  params: {
    name: take('${prefix}${suffix}', 24)
    location: location
    tags: tags
    sku: storageSku
    publicNetworkAccess: publicNetworkAccess
    subnetIds: subnetIds
    retentionDays: retentionDays
    principalIds: [predict.outputs.principalId]
    runnerPrincipalIds: concat([runModel.outputs.principalId], poolValues.outputs.principalIds)
    trainPrincipalIds: [train.outputs.principalId]
  }
}

module registry 'modules/registry.bicep' = if (!empty(registryName)) {
  name: 'registry'
  scope: resourceGroup(registryResourceGroup)
  params: {
    name: registryName
    kubeletPrincipalId: cluster.properties.identityProfile.kubeletidentity.objectId
  }
}

module vault 'modules/keyvault.bicep' = if (keyVault) {
  name: 'keyvault'
  params: {
    name: take('${prefix}${suffix}', 24)
    location: location
    tags: tags
    publicNetworkAccess: publicNetworkAccess
    subnetIds: subnetIds
    principalIds: concat([predict.outputs.principalId, train.outputs.principalId, runModel.outputs.principalId], poolValues.outputs.principalIds)
  }
}

module insights 'modules/insights.bicep' = if (monitoring) {
  name: 'insights'
  params: {
    name: '${prefix}-${suffix}'
    location: location
    tags: tags
  }
}

module diagnostics 'modules/diagnostics.bicep' = if (monitoring) {
  name: 'diagnostics'
  params: {
    namespaceName: serviceBus.outputs.name
    storageAccountName: operations.outputs.accountName
    workspaceId: insights!.outputs.workspaceId
  }
}

var poolQueues = [for pool in pools: 'run-model-${pool}']

module alerts 'modules/alerts.bicep' = if (monitoring) {
  name: 'alerts'
  params: {
    prefix: prefix
    location: location
    tags: tags
    emails: alertEmails
    namespaceId: serviceBus.outputs.id
    queues: concat(['run-model', 'train'], poolQueues)
    backlog: alertBacklog
    storageAccountId: operations.outputs.id
    workspaceId: insights!.outputs.workspaceId
    serverErrors: alertServerErrors
    queueSeconds: alertQueueSeconds
    prometheusWorkspaceId: prometheusWorkspaceId
    clusterId: cluster.id
    kubernetesNamespace: kubernetesNamespace
  }
}

module workbook 'modules/workbook.bicep' = if (monitoring) {
  name: 'workbook'
  params: {
    location: location
    tags: tags
    namespaceId: serviceBus.outputs.id
    workspaceId: insights!.outputs.workspaceId
  }
}

module serviceBusEndpoint 'modules/endpoint.bicep' = if (!empty(privateEndpointSubnetId)) {
  name: 'servicebus-endpoint'
  params: {
    name: '${prefix}-servicebus'
    location: location
    tags: tags
    subnetId: privateEndpointSubnetId
    resourceId: serviceBus.outputs.id
    group: 'namespace'
    zoneName: 'privatelink.servicebus.windows.net'
  }
}

module operationsEndpoint 'modules/endpoint.bicep' = if (!empty(privateEndpointSubnetId)) {
  name: 'operations-endpoint'
  params: {
    name: '${prefix}-operations'
    location: location
    tags: tags
    subnetId: privateEndpointSubnetId
    resourceId: operations.outputs.id
    group: 'blob'
    zoneName: 'privatelink.blob.${environment().suffixes.storage}'
  }
}

module vaultEndpoint 'modules/endpoint.bicep' = if (keyVault && !empty(privateEndpointSubnetId)) {
  name: 'vault-endpoint'
  params: {
    name: '${prefix}-vault'
    location: location
    tags: tags
    subnetId: privateEndpointSubnetId
    resourceId: vault!.outputs.id
    group: 'vault'
    zoneName: 'privatelink.vaultcore.azure.net'
  }
}

@description('What the chart needs to know: write it to a file and give it to `helm install --values`.')
output helmValues object = {
  global: {
    servicebus: { namespace: serviceBus.outputs.name }
  }
  image: { registry: empty(registryName) ? '' : registry!.outputs.loginServer }
  operations: { url: operations.outputs.url, storageAccount: operations.outputs.accountName }
  predict: { identity: { clientId: predict.outputs.clientId } }
  train: { identity: { clientId: train.outputs.clientId } }
  runModel: { identity: { clientId: runModel.outputs.clientId } }
  pools: poolValues.outputs.values
  keda: { identity: { clientId: keda.outputs.clientId } }
  keyVault: keyVault ? { name: vault!.outputs.name, tenantId: tenant().tenantId } : { name: '' }
}

@description('Name of the Application Insights component, whose connection string goes into a Secret; empty without monitoring.')
output applicationInsights string = monitoring ? insights!.outputs.name : ''
