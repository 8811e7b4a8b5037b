// A user-assigned identity that one Kubernetes service account can take on, without any secret.

@description('Name of the identity.')
param name string

@description('Region.')
param location string

@description('Tags.')
param tags object

@description('OIDC issuer of the cluster.')
param issuer string

@description('Who may take it on: system:serviceaccount:<namespace>:<name>.')
param subject string

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: name
  location: location
  tags: tags
}

resource federation 'Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials@2023-01-31' = {
  parent: identity
  name: 'kubernetes'
  properties: {
    issuer: issuer
    subject: subject
    audiences: ['api://AzureADTokenExchange']
  }
}

@description('For the service account, or KEDA\'s TriggerAuthentication.')
output clientId string = identity.properties.clientId

@description('For role assignments.')
output principalId string = identity.properties.principalId
