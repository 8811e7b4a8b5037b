// The operation store: one container whose objects are deleted when no client can ask for them any more.

@description('Name of the storage account.')
param name string

@description('Region.')
param location string

@description('Tags.')
param tags object

@description('Redundancy.')
@allowed(['Standard_LRS', 'Standard_ZRS'])
param sku string

@description('Whether it can be reached from the internet.')
@allowed(['Enabled', 'Disabled'])
param publicNetworkAccess string

@description('Subnets that may reach it; empty: no firewall.')
param subnetIds array

@description('Days after which objects are deleted.')
param retentionDays int

@description('Who reads and writes.')
param principalIds array

@description('Who reads input.json and writes result.json of an operation whose id it knows, and nothing else.')
param runnerPrincipalIds array

@description('Who counts trainings: reads, writes, lists and deletes below trainings/, and nothing else.')
param trainPrincipalIds array

var blobDataContributor = 'ba92f5b4-2d11-453d-a403-e96b0029c9fe'

resource account 'Microsoft.Storage/storageAccounts@2023-05-01' = {
  // checkov:skip=CKV_AZURE_35:denied as soon as subnetIds are given; without them identities decide, and no key opens it
  // checkov:skip=CKV_AZURE_59:a parameter; without private endpoints nothing could reach it, and no blob is public
  // checkov:skip=CKV_AZURE_43:lower-case letters and digits of prefix and uniqueString; checkov 3.3 reads it differently from run to run
  // checkov:skip=CKV_AZURE_206:replicated over zones; objects live for days, so another region is not worth its price
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: sku }
  properties: {
    accessTier: 'Hot'
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    networkAcls: {
      bypass: 'None'
      defaultAction: empty(subnetIds) ? 'Allow' : 'Deny'
      virtualNetworkRules: [for subnetId in subnetIds: { id: subnetId, action: 'Allow' }]
    }
    publicNetworkAccess: publicNetworkAccess
    supportsHttpsTrafficOnly: true
  }
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2023-05-01' = {
  parent: account
  name: 'default'
}

resource container 'Microsoft.Storage/storageAccounts/blobServices/containers@2023-05-01' = {
  parent: blobs
  name: 'operations'
  properties: {
    publicAccess: 'None'
  }
}

resource lifecycle 'Microsoft.Storage/storageAccounts/managementPolicies@2023-05-01' = {
  parent: account
  name: 'default'
  properties: {
    policy: {
      rules: [
        {
          name: 'delete-old-operations'
          enabled: true
          type: 'Lifecycle'
          definition: {
            filters: {
              blobTypes: ['blockBlob']
              prefixMatch: ['${container.name}/']
            }
            actions: {
              baseBlob: {
                delete: { daysAfterModificationGreaterThan: retentionDays }
              }
            }
          }
        }
      ]
    }
  }
}

resource assignments 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for principalId in principalIds: {
  name: guid(container.id, principalId, blobDataContributor)
  scope: container
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', blobDataContributor)
  }
}]

// A runner cannot list operations, read another outcome or delete anything (functions/operations.py has the names).
var blobData = 'Microsoft.Storage/storageAccounts/blobServices/containers/blobs'
var runnerReads = '((!(ActionMatches{\'${blobData}/read\'})) OR (@Resource[${blobData}:path] StringLike \'*/input.json\' AND !(SubOperationMatches{\'Blob.List\'})))'
var runnerWrites = '((!(ActionMatches{\'${blobData}/write\'}) AND !(ActionMatches{\'${blobData}/add/action\'})) OR (@Resource[${blobData}:path] StringLike \'*/result.json\'))'
var runnerDeletes = '(!(ActionMatches{\'${blobData}/delete\'}))'

resource runnerAssignments 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for principalId in runnerPrincipalIds: {
  name: guid(container.id, principalId, blobDataContributor, 'runner')
  scope: container
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', blobDataContributor)
    condition: '${runnerReads} AND ${runnerWrites} AND ${runnerDeletes}'
    conditionVersion: '2.0'
  }
}]

// Train sees no operation: it keeps its quotas in the same store (functions/train/ledger.py).
var trainPaths = '@Resource[${blobData}:path] StringLike \'*trainings/*\''
var trainLists = '(SubOperationMatches{\'Blob.List\'} AND @Request[${blobData}:prefix] StringLike \'*trainings/*\')'
var trainReads = '((!(ActionMatches{\'${blobData}/read\'})) OR (${trainPaths} AND !(SubOperationMatches{\'Blob.List\'})) OR ${trainLists})'
var trainWrites = '((!(ActionMatches{\'${blobData}/write\'}) AND !(ActionMatches{\'${blobData}/add/action\'})) OR (${trainPaths}))'
var trainDeletes = '((!(ActionMatches{\'${blobData}/delete\'})) OR (${trainPaths}))'

resource trainAssignments 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for principalId in trainPrincipalIds: {
  name: guid(container.id, principalId, blobDataContributor, 'train')
  scope: container
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', blobDataContributor)
    condition: '${trainReads} AND ${trainWrites} AND ${trainDeletes}'
    conditionVersion: '2.0'
  }
}]

@description('For OPERATIONS_URL.')
output url string = 'az://${container.name}'

@description('For AZURE_STORAGE_ACCOUNT_NAME.')
output accountName string = account.name

@description('For a private endpoint.')
output id string = account.id
