// A vault of this system alone, whose secrets the pods mount by the Secrets Store CSI driver.

@description('Name of the vault.')
param name string

@description('Region.')
param location string

@description('Tags.')
param tags object

@description('Whether it can be reached from the internet.')
@allowed(['Enabled', 'Disabled'])
param publicNetworkAccess string

@description('Subnets that may reach it; empty: no firewall.')
param subnetIds array

@description('Who reads secrets.')
param principalIds array

var secretsUser = '4633458b-17de-408a-b874-0445c86b69e6'

resource vault 'Microsoft.KeyVault/vaults@2023-07-01' = {
  // checkov:skip=CKV_AZURE_109:denied as soon as subnetIds are given; without them identities decide
  // checkov:skip=CKV_AZURE_189:a parameter; without private endpoints nothing could reach it
  name: name
  location: location
  tags: tags
  properties: {
    tenantId: tenant().tenantId
    sku: { family: 'A', name: 'standard' }
    enableRbacAuthorization: true
    enablePurgeProtection: true
    enableSoftDelete: true
    softDeleteRetentionInDays: 7
    networkAcls: {
      bypass: 'None'
      defaultAction: empty(subnetIds) ? 'Allow' : 'Deny'
      virtualNetworkRules: [for subnetId in subnetIds: { id: subnetId }]
    }
    publicNetworkAccess: publicNetworkAccess
  }
}

resource assignments 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for principalId in principalIds: {
  name: guid(vault.id, principalId, secretsUser)
  scope: vault
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', secretsUser)
  }
}]

@description('For the SecretProviderClass.')
output name string = vault.name

@description('For a private endpoint.')
output id string = vault.id
